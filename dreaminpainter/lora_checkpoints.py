"""The small file that lies beside each checkpoint of a training with LoRA."""

from pathlib import Path
from typing import Any

from dreaminpainter.callbacks.checkpoint_files import WholeFiles
from dreaminpainter.checkpoints import averaged
from dreaminpainter.lora import plain_names
from dreaminpainter.lora_files import SUFFIX, LoRAFile, base_identity


class LoRABeside(WholeFiles):
    """Writes `NAME.lora.safetensors` beside each checkpoint `NAME.ckpt`, and removes it with that one.

    It is a plugin of Lightning's `Trainer`; `fit` has it where `model.lora` is set.

    Example:
        >>> import lightning.pytorch as pl
        >>> trainer = pl.Trainer(plugins=[LoRABeside()], logger=False, enable_checkpointing=False, accelerator="cpu")
    """

    def __init__(self) -> None:
        super().__init__()
        self._base: str | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        super().save_checkpoint(checkpoint, path, storage_options)
        if checkpoint.get("model", {}).get("lora") is not None:
            # What is frozen stays as it is, and takes seconds to be hashed.
            file = lora_file(checkpoint, self._base)
            self._base = file.about["base"]
            file.write(beside(path))

    def is_complete(self, path: Path) -> bool:
        """Whether the small file is there, and no older than the checkpoint."""
        small = beside(path)
        return small.is_file() and small.stat().st_mtime_ns >= path.stat().st_mtime_ns

    def remove_checkpoint(self, path: Any) -> None:
        super().remove_checkpoint(path)
        beside(path).unlink(missing_ok=True)


def beside(checkpoint: Any) -> Path:
    """Where the small file of a checkpoint lies.

    Example:
        >>> beside("runs/mine/checkpoints/last.ckpt").name
        'last.lora.safetensors'
    """
    return Path(checkpoint).with_suffix(SUFFIX)


def lora_file(checkpoint: dict[str, Any], base: str | None = None) -> LoRAFile:
    """What a training with LoRA has learned, of its checkpoint: averaged weights where it has them.

    Args:
        checkpoint: as Lightning saves it.
        base: the identity of what was frozen, where it is known.
    """
    told = checkpoint["model"]["lora"]
    weights = plain_names({name.removeprefix("network."): value for name, value in averaged(checkpoint).items()})
    kept = {name: value for name, value in weights.items() if name in told["trained"] or _is_own(name)}
    if base is None:
        base = base_identity(*(_of_unet(one) for one in (weights, kept)))
    about = {name: told[name] for name in ("backbone", "init_from")}
    return LoRAFile(kept, {"lora": told["settings"], "adapter": checkpoint["model"]["adapter"], "base": base, **about})


def _of_unet(weights: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("unet."): value for name, value in weights.items() if name.startswith("unet.")}


def _is_own(name: str) -> bool:
    """Whether a weight is of the adapter, and no copy of the UNet's."""
    return name.startswith("adapter.") and not name.startswith("adapter.reference_encoder.")
