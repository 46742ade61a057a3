"""What a checkpoint came from."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from dreaminpainter import __version__

PACKAGES = ("torch", "torchvision", "lightning", "diffusers", "transformers", "datasets", "kornia", "numpy", "pillow")


class Provenance(Callback):
    """Writes an entry `provenance` into every checkpoint, made of plain values that load without running code.

    It has the `config`, the `versions` of the packages that matter to the result, `data`, which identifies the training
    data (`datamodule.manifest_hash()`, or None), the global `step`, whether training was `stopped` there
    before its steps and epochs were over, and the `time` in UTC. Checkpoints that a
    ModelCheckpoint with `save_weights_only` writes have none, because Lightning asks no callback about these.

    Args:
        config: the run's full settings as YAML; the command fills them in.

    Example:
        >>> Provenance("seed_everything: 0").config
        'seed_everything: 0'
    """

    def __init__(self, config: str | None = None) -> None:
        self.config = config

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        checkpoint["provenance"] = {
            "config": self.config or {},
            "versions": _versions(),
            "data": datamodule.manifest_hash() if hasattr(datamodule, "manifest_hash") else None,
            "step": trainer.global_step,
            "stopped": trainer.should_stop,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _versions() -> dict[str, str]:
    known = {"python": platform.python_version(), "dreaminpainter": __version__}
    return known | {package: _version(package) for package in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
