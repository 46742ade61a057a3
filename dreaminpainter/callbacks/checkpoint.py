"""Checkpoints that a run can go on from, bit for bit."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loops.fetchers import _DataFetcher
from lightning.pytorch.trainer.states import TrainerFn

from dreaminpainter.callbacks.preemption import Preemption

_PATHS = ("dirpath", "best_model_path", "kth_best_model_path", "last_model_path")


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, which also writes `last.ckpt` as training ends or is preempted.

    Every checkpoint is written between two optimizer steps, after the validation where one is due: what Lightning would
    write within an accumulation or ahead of a validation waits for its end, since gradients of half a step are not
    saved and a validation that is left out is not made up for. Training that is told to stop, as by `max_time`, stops
    between two steps too.

    The policy is Lightning's: `save_last`; the best `save_top_k` by `monitor` and `mode`; one every
    `every_n_train_steps`, `every_n_epochs` or `train_time_interval`, all of which are kept with `save_top_k: -1`.

    SIGTERM, and SLURM's SIGUSR1 where Lightning requeues, end training at the next such place; see `Preemption`.

    Args:
        arguments: those of ModelCheckpoint.

    Example:
        >>> RunCheckpoint(dirpath="runs/mine/checkpoints", monitor="val/loss_main", save_top_k=2).mode
        'min'
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._preemption = Preemption()
        self._before = 0
        self._between_steps = True
        self._validated = False
        self._within_validation = False
        self._told_to_stop = False
        self._is_own = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._told_to_stop = False
        self._preemption.watch()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._before = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._between_steps = trainer.global_step > self._before
        self._stop_between_steps(trainer)
        if self._between_steps and not _validation_follows(trainer):
            self._write(trainer, pl_module)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        # The validation may take longer than there is time; it is begun anew then. The last one is not come back to.
        if _is_fitting(trainer) and self._between_steps and not _ends(trainer) and self._is_preempted(trainer):
            self._within_validation = True
            self._leave(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if _is_fitting(trainer):
            self._validated = True
            self._stop_between_steps(trainer)
            if self._between_steps:
                self._write(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._preemption.ignore()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._preemption.ignore()
        super().on_exception(trainer, pl_module, exception)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # What was logged until here would be lost with the process, and is not logged again.
        for logger in trainer.loggers:
            logger.save()
        if self._within_validation:
            _begin_validation_anew(checkpoint)

    def state_dict(self) -> dict[str, Any]:
        """Lightning's, with paths from the run's folder on: a run that is moved goes on, and none tells its machine."""
        return _with_paths(super().state_dict(), lambda path: os.path.relpath(path, self.dirpath))

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._is_own = Path(str(trainer.ckpt_path)).resolve().parent == Path(str(self.dirpath)).resolve()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What was kept of the best counts where it still is; of another run's folder, nothing does."""
        if not self._is_own:
            return
        here = _with_paths(state_dict, lambda path: str(Path(str(self.dirpath)) / path))
        here["best_k_models"] = {path: score for path, score in here["best_k_models"].items() if Path(path).exists()}
        if not Path(here["best_model_path"]).is_file():
            here |= {"best_model_path": "", "best_model_score": None}
        super().load_state_dict(here)

    def _write(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Whatever is due now, between two steps."""
        super().on_train_batch_end(trainer, pl_module, None, None, 0)
        if self._validated:
            self._validated = False
            super().on_validation_end(trainer, pl_module)
        if _ends(trainer) and self.save_last is True:
            self._write_last(trainer)
        if self._is_preempted(trainer):
            self._leave(trainer)

    def _write_last(self, trainer: pl.Trainer) -> str:
        last = f"{self.dirpath}/{self.CHECKPOINT_NAME_LAST}{self.FILE_EXTENSION}"
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.save_checkpoint(last, self.save_weights_only)
        return last

    def _leave(self, trainer: pl.Trainer) -> None:
        last = self._write_last(trainer)
        self._preemption.leave(trainer, last)

    def _is_preempted(self, trainer: pl.Trainer) -> bool:
        return self._preemption.asked_for(trainer)

    def _stop_between_steps(self, trainer: pl.Trainer) -> None:
        self._told_to_stop |= trainer.should_stop
        trainer.should_stop = self._told_to_stop and self._between_steps


def _with_paths(state: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """A state of ModelCheckpoint with each path in it changed; where there is none yet, there is none."""
    changed = {name: change(state[name]) if state[name] else state[name] for name in _PATHS}
    best = {change(path): score for path, score in state["best_k_models"].items()}
    return state | changed | {"best_k_models": best}


def _is_fitting(trainer: pl.Trainer) -> bool:
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def _ends(trainer: pl.Trainer) -> bool:
    last_step = 0 < trainer.max_steps <= trainer.global_step
    last_epoch = trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs
    return bool(trainer.should_stop or last_step or last_epoch)


def _validation_follows(trainer: pl.Trainer) -> bool:
    """Whether one is due after this batch; Lightning tells nobody."""
    fetcher = cast(_DataFetcher, trainer.fit_loop._data_fetcher)
    return trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


def _begin_validation_anew(checkpoint: dict[str, Any]) -> None:
    """Lets a checkpoint that is written within a validation go on from its first batch: sums are not saved."""
    nothing = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
    progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
    progress["current"] = dict(nothing)
    progress["total"] = nothing | {"ready": 1, "started": 1}  # by which Lightning tells that it was begun
