#!/usr/bin/env bash
# Several GPUs of one machine, or of several: run this on each of them, with the same MAIN and NODES.
#
#   NODES=2 MAIN=first-machine:29500 examples/cluster/torchrun.sh fit --config configs/sd15.yaml \
#       --config configs/data/prepared.yaml --trainer.default_root_dir /shared/runs/mine
#
# `fit` and `caption` are told how many there are (below); `prepare` and `evaluate` see it by themselves. Another strategy
# is given as ever: --trainer.strategy fsdp2.
# Data, run and output have to lie in folders that all machines share. Where one process fails, torchrun ends the others
# of its machine after half a minute at most, and the other machines notice; run the same command to go on.
set -euo pipefail

NODES=${NODES:-1}
GPUS=${GPUS:-$(nvidia-smi --list-gpus | wc -l)}
MAIN=${MAIN:-localhost:29500}

command=$1
shift
case $command in
    fit | validate | test | predict)
        set -- --trainer.strategy ddp "$@" --trainer.devices "$GPUS" --trainer.num_nodes "$NODES" ;;
    caption)
        set -- --strategy ddp "$@" --devices "$GPUS" --num_nodes "$NODES" ;;
esac

exec torchrun --nnodes "$NODES" --nproc-per-node "$GPUS" \
    --rdzv-backend c10d --rdzv-endpoint "$MAIN" -m dreaminpainter "$command" "$@"
