"""What `fit` tells of a run before it has taken long: what trains, what it needs, and when it will end."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ProgressBar, RichProgressBar, TQDMProgressBar
from torch import nn

from dreaminpainter.callbacks import ExponentialMovingAverage
from dreaminpainter.errors import SettingError
from dreaminpainter.parameters import trainable_parts


@dataclass(frozen=True)
class Expected:
    """What a model needs to train, but for its activations, which depend on batch and picture size.

    Args:
        trained: parameters that train, by the name of their part.
        parameters: all parameters.
        weights: bytes of all weights.
        gradients: bytes of the gradients.
        optimizer: bytes of the optimizer's state, two values a parameter as Adam has.
        average: bytes of the moving average, where there is one.
    """

    trained: dict[str, int]
    parameters: int
    weights: int
    gradients: int
    optimizer: int
    average: int

    @classmethod
    def of(cls, model: Any, has_average: bool) -> "Expected":
        """What a DreamInpainter needs; it may lie on torch's meta device."""
        trained = _parts(model)
        held, training = list(model.parameters()), [one for part in trained.values() for one in part]
        count = sum(one.numel() for one in training)
        return cls(
            trained={name: sum(one.numel() for one in part) for name, part in trained.items()},
            parameters=sum(one.numel() for one in held),
            weights=_bytes(held) + sum(one.numel() * one.element_size() for one in model.buffers()),
            gradients=_bytes(training),
            optimizer=2 * _bytes(training),
            average=4 * count * has_average,
        )

    @property
    def total(self) -> int:
        """All of it in bytes."""
        return self.weights + self.gradients + self.optimizer + self.average

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {count / 1e6:.3g} M" for name, count in self.trained.items())
        average = f", average {size(self.average)}" if self.average else ""
        return (
            f"trains {sum(self.trained.values()) / 1e6:.3g} M of {self.parameters / 1e6:.3g} M parameters ({parts}); "
            f"memory {size(self.total)} and activations: weights {size(self.weights)}, gradients "
            f"{size(self.gradients)}, optimizer {size(self.optimizer)}{average}"
        )


class Forecast(Callback):
    """Tells what a training expects: parameters and memory before it begins, speed and end after a few steps.

    Args:
        after: optimizer steps after the first one that speed is taken over, 1 and above; a run of fewer says nothing.

    Raises:
        SettingError: `after` is below 1.
    """

    def __init__(self, after: int = 20) -> None:
        if after < 1:
            raise SettingError(f"The forecast is made after {after} steps. Set it to 1 or more.")
        self.after = after
        self._began: float | None = None
        self._first = self._images = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        has_average = any(isinstance(one, ExponentialMovingAverage) for one in callbacks)
        _tell(trainer, str(Expected.of(pl_module, has_average)))
        self._began, self._first, self._images = None, trainer.global_step + 1, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        steps = trainer.global_step - self._first
        if steps < 0 or steps > self.after or self._images < 0:
            return
        if self._began is None:  # the first step is left out: it allocates and compiles
            self._began = self._now(pl_module)
            return
        self._images += len(batch) * trainer.world_size
        if steps < self.after:
            return
        seconds = self._now(pl_module) - self._began
        _tell(trainer, self._speed(trainer, self._images / seconds, seconds / steps))
        self._images = -1  # said once

    def _speed(self, trainer: pl.Trainer, rate: float, a_step: float) -> str:
        last = trainer.estimated_stepping_batches
        text = f"{rate:.3g} images/s"
        if pl_memory := _peak(trainer):
            text += f", at most {size(pl_memory)} of the GPU's memory"
        if last == float("inf"):
            return f"{text}; no last step is set" + _limit(trainer)
        left = timedelta(seconds=round((last - trainer.global_step) * a_step))
        return f"{text}: {left} to step {last}, without validation" + _limit(trainer)

    @staticmethod
    def _now(module: pl.LightningModule) -> float:
        if module.device.type == "cuda":  # twice a run
            torch.cuda.synchronize(module.device)
        return monotonic()


class CountsSteps(ProgressBar):
    """A bar that ends where `max_steps` ends the training, also within an epoch."""

    @property
    def total_train_batches(self) -> int | float:
        loops, of_epoch = self.trainer, self.trainer.num_training_batches
        if loops.max_steps < 1:
            return of_epoch
        accumulated = loops.accumulate_grad_batches
        done: float = loops.fit_loop.epoch_loop.batch_progress.current.completed
        # A bar is made before an epoch's count begins, so there is that of the whole one before.
        done = done % max(1, of_epoch) // accumulated * accumulated
        return min(of_epoch, done + (loops.max_steps - loops.global_step) * accumulated)


class _RichBar(CountsSteps, RichProgressBar):
    pass


class _PlainBar(CountsSteps, TQDMProgressBar):
    pass


def progress_bar() -> ProgressBar:
    """The bar that Lightning would show here, counting to the last step."""
    try:
        return _RichBar()
    except ModuleNotFoundError:  # rich is not installed
        return _PlainBar()


def size(count: float) -> str:
    """Bytes for people.

    Example:
        >>> size(1.234e9), size(56e6)
        ('1.23 GB', '56 MB')
    """
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _parts(model: Any) -> dict[str, list[nn.Parameter]]:
    """The parts that train."""
    parts = {name: parameters for name, parameters in trainable_parts(model).items() if name in model.learning_rates}
    return {name: [one for one in parameters if one.requires_grad] for name, parameters in parts.items()}


def _bytes(parameters: list[nn.Parameter]) -> int:
    return sum(one.numel() * one.element_size() for one in parameters)


def _peak(trainer: pl.Trainer) -> int:
    device = trainer.strategy.root_device
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


def _limit(trainer: pl.Trainer) -> str:
    timers = [one for one in trainer.callbacks if isinstance(one, pl.callbacks.Timer)]  # type: ignore[attr-defined]
    limits = [one.time_remaining() for one in timers]
    left = [one for one in limits if one is not None]
    return f"; max_time ends it in {timedelta(seconds=round(min(left)))}" if left else ""


def _tell(trainer: pl.Trainer, text: str) -> None:
    if trainer.is_global_zero:
        print(f"note: {text}", file=sys.stderr)
