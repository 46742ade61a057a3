"""Training that only notes which samples come, saved wherever it may be."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.types import Batch


class Listening(pl.LightningModule):
    """Is trained on nothing, and notes the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.heard: list[tuple[int, tuple[str, ...]]] = []

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.heard.append((self.current_epoch, tuple(batch.id)))
        return self.weight.sum()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


class SavedEverywhere(pl.Callback):
    """Checkpoints after each batch and within and after each validation, named by the batches before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, trainer: pl.Trainer, module: Listening, when: str) -> None:
        trainer.save_checkpoint(self.folder / f"{len(module.heard):02} {when}.ckpt")

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        self.save(trainer, module, "batch")

    def on_validation_end(self, trainer: pl.Trainer, module: Any) -> None:
        self.save(trainer, module, "validation")

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        self.save(trainer, module, "epoch")


def heard(data: InpaintingDataModule, *callbacks: pl.Callback, start: Path | None = None, **settings: Any) -> list[Any]:
    model = Listening()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pl.Trainer(
        max_epochs=3, accelerator="cpu", callbacks=list(callbacks), num_sanity_val_steps=0, **quiet, **settings
    )
    trainer.fit(model, data, ckpt_path=start, weights_only=False)
    return model.heard
