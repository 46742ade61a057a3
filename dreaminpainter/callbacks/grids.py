"""Pictures of what the model does, while it learns."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.seed import isolate_rng
from PIL import Image
from torch import Tensor

from dreaminpainter.atomic import whole
from dreaminpainter.callbacks.ema import ExponentialMovingAverage
from dreaminpainter.errors import SettingError
from dreaminpainter.filling import fill_batch
from dreaminpainter.module import DreamInpainter
from dreaminpainter.network import Subject
from dreaminpainter.types import Batch, Reference
from dreaminpainter.visualization import grid_picture, mark_tokens, show_hole

CELL = 192
T = TypeVar("T", Batch, Reference)


class PictureGrid(Callback):
    """Fills the same holes from the same noise again and again, and logs them as one picture.

    A row a sample: scene with hole, reference with its chosen tokens, fill, truth; the caption below. It is drawn every
    `every_n_steps` and after each validation and test, with the averaged weights where an `ExponentialMovingAverage` is
    among the callbacks. The picture is written as PNG, and goes to TensorBoard and W&B where these are the logger.
    Training is the same with and without it.

    Args:
        every_n_steps: optimizer steps between two pictures, 1 or more.
        count: how many samples, the first of the validation (or test) data; 1 or more.
        num_inference_steps: denoising steps.
        guidance_scale: w of eq. 5; the paper's is 7.5.
        reference_scale: along the reference; by default what the model is made for.
        folder: where the PNG files go; `pictures` in the trainer's `default_root_dir` where left out.

    Raises:
        SettingError: `every_n_steps` or `count` is below 1.

    Example:
        >>> PictureGrid(every_n_steps=500, count=6).num_inference_steps
        20
    """

    def __init__(
        self,
        every_n_steps: int = 1000,
        count: int = 4,
        num_inference_steps: int = 20,
        guidance_scale: float = 7.5,
        reference_scale: float | None = None,
        folder: str | None = None,
    ) -> None:
        if every_n_steps < 1 or count < 1:
            raise SettingError(f"every_n_steps is {every_n_steps} and count is {count}. Set both to 1 or more.")
        self.every_n_steps = every_n_steps
        self.count = count
        self.num_inference_steps = num_inference_steps
        self.guidance_scale = guidance_scale
        self.reference_scale = reference_scale
        self.folder = folder
        self._samples: list[Batch] = []
        self._drawn_at = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.enable_validation and trainer.val_dataloaders is None:
            # Lightning leaves this to the first validation, which may come after the first picture.
            trainer.validating = True
            trainer.fit_loop.epoch_loop.val_loop.setup_data()
            trainer.training = True
        self._samples = self._first(trainer.val_dataloaders)
        self._drawn_at = trainer.global_step
        if not self._samples:
            rank_zero_info("There are no validation samples, so no pictures are drawn.")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step % self.every_n_steps == 0:
            self._draw_step(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._draw_step(trainer, pl_module)
        else:
            self._draw(trainer, pl_module, self._first(trainer.val_dataloaders), "validation")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, pl_module, self._first(trainer.test_dataloaders), "test")

    def _first(self, loaders: Any) -> list[Batch]:
        """The first `count` samples of the first loader, as batches."""
        loader = loaders[0] if isinstance(loaders, list) else loaders
        if loader is None:
            return []
        with isolate_rng():  # a loader draws a seed for its workers
            return list(_limited(loader, self.count))

    def _draw_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws, once a step: a validation may follow upon a step that was drawn, and accumulation repeats steps."""
        if trainer.global_step != self._drawn_at:
            self._drawn_at = trainer.global_step
            self._draw(trainer, pl_module, self._samples, "fit")

    @torch.no_grad()
    def _draw(self, trainer: pl.Trainer, pl_module: pl.LightningModule, samples: list[Batch], stage: str) -> None:
        """Every process samples, because a model that is sharded over them needs all; the first one draws."""
        if not samples:
            return
        rows: list[list[Tensor]] = []
        with isolate_rng(), _averaged(trainer, pl_module), _evaluating(pl_module):
            for sample in samples:
                batch = trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(sample))
                with trainer.precision_plugin.forward_context():
                    rows += self._rows(cast(DreamInpainter, pl_module), batch)
        if trainer.is_global_zero:
            captions = [caption for sample in samples for caption in sample.caption]
            picture = grid_picture(["scene", "reference, chosen tokens", "fill", "truth"], rows, captions, CELL)
            folder = Path(self.folder or f"{trainer.default_root_dir}/pictures")
            folder.mkdir(parents=True, exist_ok=True)
            name = f"step_{trainer.global_step:06d}" if stage == "fit" else stage
            with whole(folder / f"{name}.png") as beside:
                picture.save(beside, "PNG")
            _log(trainer, picture, f"pictures/{stage}")

    def _rows(self, model: DreamInpainter, batch: Batch) -> Iterator[list[Tensor]]:
        output = fill_batch(
            model.pipeline(),
            batch,
            num_inference_steps=self.num_inference_steps,
            guidance_scale=self.guidance_scale,
            reference_scale=self.reference_scale,
        )
        references = _marked(batch.reference.pixels, output.subject)
        for image, mask, reference, fill in zip(batch.image, batch.mask, references, output.images, strict=True):
            yield [show_hole(image, mask), reference, fill, image / 2 + 0.5]


def _marked(pixels: Tensor, subject: Subject) -> list[Tensor]:
    """The references with their chosen tokens, sized as they are shown so that the marks are crisp."""
    factor = CELL / max(pixels.shape[-2:])
    shown = F.interpolate(pixels.float(), scale_factor=factor, mode="bicubic", antialias=True).clamp(-1, 1)
    return [
        mark_tokens(picture, indices, subject.features.grid, subject.features.has_class_token)
        for picture, indices in zip(shown, subject.selection.indices, strict=True)
    ]


def _averaged(trainer: pl.Trainer, pl_module: pl.LightningModule) -> Any:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    averages = [callback for callback in callbacks if isinstance(callback, ExponentialMovingAverage)]
    return averages[0].averaged(pl_module) if averages else nullcontext()


@contextmanager
def _evaluating(pl_module: pl.LightningModule) -> Iterator[None]:
    """Evaluation mode, and then for each part the mode that it had."""
    modes = {module: module.training for module in pl_module.modules()}
    pl_module.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _limited(batches: Iterable[Batch], count: int) -> Iterator[Batch]:
    for batch in batches:
        yield _head(batch, count)
        count -= len(batch)
        if count <= 0:
            return


def _head(record: T, count: int) -> T:
    """The first `count` samples of a Batch or Reference."""
    heads: dict[str, Any] = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if value is not None:
            heads[one.name] = _head(value, count) if isinstance(value, Reference) else value[:count]
    return replace(record, **heads)


def _log(trainer: pl.Trainer, picture: Image.Image, name: str) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(name, np.array(picture), trainer.global_step, dataformats="HWC")
        elif hasattr(logger, "log_image"):
            logger.log_image(name, [picture], step=trainer.global_step)
