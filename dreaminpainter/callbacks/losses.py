"""The loss, told apart by objective and timestep."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any, TypeVar, cast

import lightning.pytorch as pl
import torch
import torch.distributed
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.module import DreamInpainter

T = TypeVar("T")

Sums = dict[str, tuple[float, float]]
"""For each name a sum, and the number that makes a mean of it."""


@dataclass
class _Window:
    """What was seen since the last log; tensors stay on their device, so that no step has to wait for them."""

    started: float
    images: int = 0
    loss: list[Tensor] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    timesteps: list[Tensor] = field(default_factory=list)
    objective: list[str] = field(default_factory=list)
    truncated_texts: int = 0


_SAVED = ("loss", "losses", "timesteps", "objective", "truncated_texts")


class LossLogger(Callback):
    """Logs means since the last log, every `trainer.log_every_n_steps` optimizer steps, over all processes.

    `train/loss` is what is minimised. `train/loss_{objective}` and `train/loss_t{first}-{last}` are means of the
    losses of one objective, or of one range of timesteps, weighted by nothing but `model.detail_weight`, which those of
    validation are not; where there were none they are left out.
    `train/regularization` is the schedule's value, `train/truncated_texts` the share of texts that were cut because the
    text encoder reads no longer ones. `train/images_per_second` is over all the time between two logs, validation
    included.

    Args:
        bins: ranges of timesteps, 1 or more.

    Raises:
        SettingError: `bins` is below 1.

    Example:
        >>> LossLogger(bins=4).names_of_bins(1000)
        ['t0-249', 't250-499', 't500-749', 't750-999']
    """

    def __init__(self, bins: int = 4) -> None:
        if bins < 1:
            raise SettingError(f"The number of timestep bins is {bins}. Set it to 1 or more.")
        self.bins = bins
        self._window = _Window(monotonic())
        self._step = 0

    def names_of_bins(self, timesteps: int) -> list[str]:
        """The first and last of `timesteps` in each bin, as they are logged; bin i has those with t · bins // T = i."""
        edges = [-(-timesteps * place // self.bins) for place in range(self.bins + 1)]
        return [f"t{low}-{high - 1}" for low, high in pairwise(edges)]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._window = _Window(monotonic())

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._window.started = monotonic()
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every == 0:
            return
        self._window.images += len(batch)
        # Lightning hands out the loss divided by the number of batches that are accumulated.
        self._window.loss.append(outputs["loss"] * trainer.accumulate_grad_batches)
        self._window.losses.append(outputs["losses"])
        self._window.timesteps.append(outputs["timesteps"])
        self._window.objective.extend(outputs["objective"])
        self._window.truncated_texts += outputs["truncated_texts"]
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._step % every == 0:
            self._log(trainer, cast(DreamInpainter, pl_module))
            self._window = _Window(monotonic())

    def state_dict(self) -> dict[str, Any]:
        """What was seen since the last log by each process; speed is measured anew."""
        own = {name: getattr(self._window, name) for name in _SAVED}
        return {"windows": _of_processes(own)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        windows = state_dict["windows"]
        if len(windows) == _world_size():  # other processes than before saw other samples
            rank = torch.distributed.get_rank() if _world_size() > 1 else 0
            self._window = _Window(monotonic(), **windows[rank])

    def _log(self, trainer: pl.Trainer, model: DreamInpainter) -> None:
        sums = _over_processes(self._sums(model.scheduler.config.num_train_timesteps))
        values = {name: total / number for name, (total, number) in sums.items()}
        values["train/images_per_second"] *= trainer.world_size
        step = self._step - 1
        values["train/regularization"] = model.regularizer.strength(step)
        # Straight to the loggers: what is logged through the model would be logged again wherever it is left out here.
        for logger in trainer.loggers:
            logger.log_metrics(values, step=step)
        # A tensor on the host: progress bars read it at every step, and do not have to wait for the device.
        model.log("train/loss", torch.tensor(values["train/loss"]), prog_bar=True, logger=False)

    def _sums(self, timesteps: int) -> Sums:
        window, bins = self._window, self.names_of_bins(timesteps)
        loss = torch.stack(window.loss).float()
        sums: defaultdict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
        sums["train/loss"] = (float(loss.sum()), len(loss))
        sums["train/truncated_texts"] = (window.truncated_texts, len(window.objective))
        sums["train/images_per_second"] = (window.images, monotonic() - window.started)
        rows = zip(
            torch.cat(window.losses).tolist(), torch.cat(window.timesteps).tolist(), window.objective, strict=True
        )
        for value, timestep, objective in rows:
            for name in (f"train/loss_{objective}", f"train/loss_{bins[timestep * self.bins // timesteps]}"):
                sums[name] = (sums[name][0] + value, sums[name][1] + 1)
        return dict(sums)


def _world_size() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def _of_processes(own: T) -> list[T]:
    """What every process gives, by rank."""
    if _world_size() == 1:
        return [own]
    gathered: list[Any] = [None] * _world_size()
    torch.distributed.all_gather_object(gathered, own)
    return gathered


def _over_processes(sums: Sums) -> Sums:
    """Added up by name: a process may have had no row of an objective that another had."""
    gathered = _of_processes(sums)
    names = dict.fromkeys(name for one in gathered for name in one)
    nothing = (0.0, 0.0)
    return {
        name: (sum(one.get(name, nothing)[0] for one in gathered), sum(one.get(name, nothing)[1] for one in gathered))
        for name in names
    }
