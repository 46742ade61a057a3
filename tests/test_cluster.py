"""The files of examples/cluster: that what they start is understood."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tiny_run import parsed

FILES = sorted(Path("examples/cluster").iterdir())

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


def started(file: str, *arguments: str, folder: Path, **environment: str) -> list[str]:
    """The words of the command that a file starts, where torchrun and srun only print theirs."""
    for name in ("torchrun", "srun"):
        (folder / name).write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
        (folder / name).chmod(0o755)
    paths = os.pathsep.join([str(folder), os.environ["PATH"]])
    answer = subprocess.run(
        ["bash", f"examples/cluster/{file}", *arguments],
        env=os.environ | environment | {"PATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.splitlines()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_bash_understands_them(path: Path) -> None:
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


CONFIGS = ("--config", "configs/sd15.yaml", "--config", "configs/data/prepared.yaml")


def given(strategy: str) -> list[str]:
    """The flag of a strategy that is not the files' own."""
    return [] if strategy == "ddp" else ["--trainer.strategy", strategy]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_torchrun_starts_a_fit_of_all_processes(strategy: str, tmp_path: Path) -> None:
    where = {"NODES": "2", "GPUS": "4", "MAIN": "first:1"}
    words = started("torchrun.sh", "fit", *CONFIGS, *given(strategy), folder=tmp_path, **where)
    start = words.index("dreaminpainter")
    assert words[:start] == [
        *("--nnodes", "2", "--nproc-per-node", "4"),
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", "first:1", "-m"),
    ]
    trainer = parsed(*words[start + 2 :])["trainer"]
    assert (trainer["strategy"], str(trainer["devices"]), trainer["num_nodes"]) == (strategy, "4", 2)
    from torch.distributed.run import get_args_parser

    torchrun = get_args_parser().parse_args([*words[:start], "dreaminpainter"])
    assert (torchrun.nnodes, torchrun.nproc_per_node) == ("2", "4")


@pytest.mark.parametrize(("command", "more"), [("caption", 6), ("prepare", 0), ("evaluate", 0)])
def test_torchrun_starts_the_other_commands(command: str, more: int, tmp_path: Path) -> None:
    words = started("torchrun.sh", command, "one", folder=tmp_path, GPUS="4")
    start = words.index("dreaminpainter")
    assert words[start + 1] == command and "one" in words and len(words) == start + 3 + more
    if more:
        from inspect import signature

        from dreaminpainter.commands.caption import caption

        flags = {word.removeprefix("--") for word in words[start + 2 :] if word.startswith("--")}
        assert flags == {"strategy", "devices", "num_nodes"} <= set(signature(caption).parameters)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_slurm_starts_a_fit_with_as_many_processes_as_it_asks_for(strategy: str, tmp_path: Path) -> None:
    text = Path("examples/cluster/slurm.sbatch").read_text()
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)", text, re.MULTILINE))
    assert asked["ntasks-per-node"] == asked["gpus-per-node"]
    told = {
        "SLURM_NTASKS_PER_NODE": asked["ntasks-per-node"],
        "SLURM_JOB_NUM_NODES": asked["nodes"],
        "SLURM_CPUS_PER_TASK": asked["cpus-per-task"],
    }
    words = started("slurm.sbatch", *CONFIGS, *given(strategy), folder=tmp_path, **told)
    assert words[:4] == ["--kill-on-bad-exit=1", "--cpus-per-task=8", "dreaminpainter", "fit"]
    trainer = parsed(*words[4:])["trainer"]
    assert (str(trainer["devices"]), trainer["num_nodes"], trainer["strategy"]) == ("8", 8, strategy)
