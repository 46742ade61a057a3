"""A moving average of the trained weights, which is what samples."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from dreaminpainter.errors import SettingError
from dreaminpainter.sharding import divided_as, gathered


class ExponentialMovingAverage(Callback):
    """Keeps an average of the weights in float32; validation, test and prediction run on it.

    Only parameters that train are averaged: no buffers, no frozen networks. Whatever saves the model in the meantime
    saves its training weights; the average is in the callback's own state. While it stands in for the weights, one more
    copy of these is kept. The average and its use are our choice, the paper is silent.

    Args:
        decay: share of the average that stays at each optimizer step, 0 to below 1.
        warm_up: start with a lower decay, min(decay, (1 + step) / (10 + step)), so that the first weights, which are
            of little use, are soon forgotten.

    Raises:
        SettingError: a decay out of range, or a checkpoint whose average is of other parameters.

    Example:
        >>> ExponentialMovingAverage(decay=0.999).decay_at(0)
        0.1
    """

    state_key = "ema"

    def __init__(self, decay: float = 0.9999, warm_up: bool = True) -> None:
        if not 0 <= decay < 1:
            raise SettingError(f"The decay of the moving average is {decay}. Set it to 0 or more and below 1.")
        self.decay = decay
        self.warm_up = warm_up
        self._weights: dict[str, Tensor] = {}
        self._updates = 0
        self._step = 0
        self._swapped: _Swapped | None = None

    def decay_at(self, step: int) -> float:
        """The decay after `step` updates."""
        return min(self.decay, (1 + step) / (10 + step)) if self.warm_up else self.decay

    @contextmanager
    def averaged(self, pl_module: pl.LightningModule) -> Iterator[None]:
        """Within it the model has the averaged weights, where there are any; afterwards those it had, bit for bit.

        It may be nested. `pl_module.state_dict()` tells the training weights throughout, so that a checkpoint never
        holds averaged ones, whoever writes it and when.
        """
        if self._swapped is not None:
            yield
            return
        self._swap_in(pl_module)
        try:
            yield
        finally:
            self._swap_out()

    @contextmanager
    def training_weights(self, pl_module: pl.LightningModule) -> Iterator[None]:
        """Within it the model has its training weights, although the average stands in for them just now."""
        standing_in = self._swapped is not None
        self._swap_out()
        try:
            yield
        finally:
            if standing_in:
                self._swap_in(pl_module)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trained = {name: parameter for name, parameter in pl_module.named_parameters() if parameter.requires_grad}
        if not self._weights:
            self._weights = {name: parameter.detach().float().clone() for name, parameter in trained.items()}
        _check_same(self._weights.keys(), trained.keys())
        self._weights = {name: divided_as(self._weights[name], trained[name]) for name in trained}
        self._step = trainer.global_step

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        decay = self.decay_at(self._updates)
        for name, parameter in pl_module.named_parameters():
            if name in self._weights:
                self._weights[name].lerp_(parameter.float(), 1 - decay)
        self._updates += 1

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._swap_in(pl_module)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._swap_in(pl_module)

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._swap_in(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._swap_out()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._swap_out()

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._swap_out()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._swap_out()

    def state_dict(self) -> dict[str, Any]:
        """`weights`, parameter name to float32 tensor, and the number of `updates` that made them."""
        return {"weights": {name: gathered(value) for name, value in self._weights.items()}, "updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._weights = dict(state_dict["weights"])
        self._updates = state_dict["updates"]

    @torch.no_grad()
    def _swap_in(self, pl_module: pl.LightningModule) -> None:
        if self._swapped is not None or not self._weights:
            return
        parameters = dict(pl_module.named_parameters())
        _check_same(self._weights.keys(), self._weights.keys() & parameters.keys())
        training = {parameters[name]: parameters[name].detach().clone() for name in self._weights}
        hook = pl_module.register_state_dict_post_hook(partial(_tell, training))  # type: ignore[no-untyped-call]
        self._swapped = _Swapped(training, hook)
        # In place: whoever holds the weights' memory, such as a compiled or a sharded model, sees the average.
        for name, average in self._weights.items():
            parameters[name].copy_(average)

    @torch.no_grad()
    def _swap_out(self) -> None:
        if self._swapped is None:
            return
        for parameter, weight in self._swapped.training.items():
            parameter.copy_(weight)
        self._swapped.hook.remove()
        self._swapped = None


@dataclass
class _Swapped:
    """What is needed to give a model its training weights back: these, and the hook that tells them meanwhile."""

    training: dict[nn.Parameter, Tensor]
    hook: RemovableHandle


def _tell(
    training: dict[nn.Parameter, Tensor], module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any
) -> None:
    """Puts the training weights into a state dict that was read from a model with averaged ones."""
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if parameter in training:
            state[prefix + name] = training[parameter]


def _check_same(averaged: AbstractSet[str], trained: AbstractSet[str]) -> None:
    different = sorted(averaged ^ trained)
    if different:
        raise SettingError(
            f"The checkpoint's moving average is not of the parameters that train here: {len(different)} differ, the "
            f"first is {different[0]}. Continue with the learning_rates of the checkpoint, or start anew from it with "
            "init_from."
        )
