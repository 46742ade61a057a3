"""Training with weights, gradients and optimizer divided over the processes: torch's FSDP2 by Lightning's strategy."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.strategies import ModelParallelStrategy, StrategyRegistry
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.constants import default_pg_timeout
from torch.distributed.tensor import DTensor, distribute_tensor

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.checkpoint_failures import DAMAGE, unreadable, writing_told
from dreaminpainter.errors import SettingError

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

    from dreaminpainter.module import DreamInpainter


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's ModelParallelStrategy with all processes along the data: each holds a part of what trains.

    Its name for a Trainer is `fsdp2`.

    A checkpoint is a folder to which each process writes its part. It is written beside its place and renamed, as the
    single file of other strategies is; another number of processes can go on from it, and `export` puts it together.

    Args:
        process_group_backend: torch.distributed's, such as gloo; by the device where left out.
        timeout: after which a process that waits for the others gives up.

    Example:
        >>> ShardedStrategy().restore_checkpoint_after_setup
        True
    """

    def __init__(
        self, process_group_backend: str | None = None, timeout: timedelta | None = default_pg_timeout
    ) -> None:
        super().__init__(process_group_backend=process_group_backend, timeout=timeout)

    def setup_environment(self) -> None:
        """Joins the processes; all of them are along the data."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        self._tensor_parallel_size = 1
        super().setup_environment()

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any | None = None) -> None:
        """Writes the folder, all processes together, on a file system that they share.

        Raises:
            WriteError: a process cannot write its part; what was there before is.
        """
        place = Path(self.broadcast(filepath))
        with writing_told(place):
            if self.is_global_zero:
                place.parent.mkdir(parents=True, exist_ok=True)
                sweep(place.parent, place.name)
                with whole(place) as folder:
                    self._save_parts(checkpoint, folder, storage_options)
            else:
                self._save_parts(checkpoint, None, storage_options)
        self.barrier("the checkpoint is in its place")

    def _save_parts(self, checkpoint: dict[str, Any], folder: Path | None, storage_options: Any) -> None:
        """Writes what this process holds to the folder that the first one names."""
        named: Any = self.broadcast(folder)
        super().save_checkpoint(checkpoint, named, storage_options)
        self.barrier("the checkpoint is written")

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Reads the folder, or a single file, into the model and the optimizer, all processes together.

        Raises:
            InputError: a part cannot be read, or is of another model.
        """
        try:
            return super().load_checkpoint(checkpoint_path, weights_only)
        except (CheckpointException, *DAMAGE) as error:  # the first, of torch, is no Exception
            if not Path(checkpoint_path).is_dir():
                raise
            raise unreadable(Path(checkpoint_path), error) from error


StrategyRegistry.register("fsdp2", ShardedStrategy, description="FSDP2: what trains is divided over the processes")


def shard(model: "DreamInpainter", mesh: "DeviceMesh") -> None:
    """Divides the networks that train over the processes of `mesh`; those that do not train stay whole in each.

    The UNet is divided block by block, so that no process holds more of it at once than a block beside its own part.

    Args:
        model: a DreamInpainter.
        mesh: of one dimension.

    Raises:
        SettingError: it trains by LoRA, whose weights are few and beside frozen ones of another precision; or with
            the classifiers of `model.supervision`, which are few and beside the networks that are divided.
    """
    from torch.distributed.fsdp import fully_shard

    if model.lora is not None:
        raise SettingError(
            "LoRA does not train with divided weights: its own are few. Train it with --trainer.strategy ddp."
        )
    if model.supervision is not None:
        raise SettingError(
            "model.supervision does not train with divided weights: its classifiers are few. Train it with "
            "--trainer.strategy ddp."
        )
    if any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        return  # it was divided for an earlier run of the same program
    unet, adapter = model.network.unet, model.network.adapter
    blocks: list[nn.Module] = [*unet.down_blocks, unet.mid_block, *unet.up_blocks]
    for module in (*blocks, unet, adapter.projector, adapter.injector, model.text_encoder):
        if any(parameter.requires_grad for parameter in module.parameters()):
            # After each pass, of the outermost too: between passes all parameters are the divided ones.
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
    whole_ones = [name for name, one in model.named_parameters() if one.requires_grad and not isinstance(one, DTensor)]
    if whole_ones:  # their gradients would differ from process to process
        raise SettingError(f"{whole_ones[0]} trains and cannot be divided. Train with --trainer.strategy ddp.")


def gathered(tensor: Tensor) -> Tensor:
    """The whole of a tensor, on the host where it was divided; all processes have to ask together."""
    return tensor.full_tensor().cpu() if isinstance(tensor, DTensor) else tensor


def divided_as(tensor: Tensor, pattern: Tensor) -> Tensor:
    """A whole tensor, on the device of `pattern` and divided as that is."""
    moved = tensor.to(pattern.device)
    if isinstance(pattern, DTensor) and not isinstance(tensor, DTensor):
        with torch.no_grad():
            return distribute_tensor(moved, pattern.device_mesh, pattern.placements)
    return moved
