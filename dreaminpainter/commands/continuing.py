"""What a run goes on from, and whether its settings are still those of the run."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml  # type: ignore[import-untyped]
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.callbacks.checkpoint_files import WholeFiles, is_whole, newest_whole
from dreaminpainter.checkpoints import read_checkpoint
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.sharded_files import is_divided

_DECISIVE = (
    "seed_everything",
    *(f"data.{name}" for name in ("height", "width", "reference_size")),
    *(f"model.{name}" for name in ("backbone", "extractor", "selector", "injection", "input_form")),
    *(f"model.{name}" for name in ("optimizer", "learning_rates")),
    *(f"model.supervision.init_args.{name}" for name in ("tokens", "states", "block")),
)
"""Without these a checkpoint's weights or place in the data would be of something else; an optimizer and its rates come
out of the checkpoint, so that others would be without effect."""
_PLACES = (
    "config",
    "ckpt_path",
    "checkpoint.dirpath",
    "model.init_from",
    "predictions.folder",
    "pictures.folder",
    "trainer.default_root_dir",
    "trainer.logger",
)
"""Where things are, and what has had its say once training has begun."""
_ENDS = ("trainer.max_steps", "trainer.max_epochs", "trainer.max_time", "trainer.min_steps", "trainer.min_epochs")


@dataclass
class Change:
    """A setting that was another when the checkpoint was written; None where it was or is not there."""

    name: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"  {self.name}: {_told(self.before)} -> {_told(self.now)}"


class Continuation:
    """A checkpoint that `fit` goes on from.

    Args:
        path: the checkpoint.
        config: the settings of `fit` now, as YAML.

    Raises:
        InputError: the file is no checkpoint of this package.
        SettingError: settings have changed without which the checkpoint makes no sense.
    """

    def __init__(self, path: Path, config: str) -> None:
        self.path = path
        self._checkpoint = read_checkpoint(str(path), weights=False)
        self.settings = yaml.safe_load(config)["fit"]
        written = yaml.safe_load(self._checkpoint.get("provenance", {}).get("config") or config)
        # What a program of one's own wrote says nothing of the command's settings.
        self.changes = list(changes(written.get("fit", self.settings), self.settings))
        decisive = [change for change in self.changes if _is_decisive(change)]
        if decisive:
            raise SettingError(
                f"{path} was trained with other settings, without which it makes no sense to go on:\n"
                + "\n".join(map(str, decisive))
                + "\nGive those; or begin another run in a --trainer.default_root_dir of its own, from these weights "
                f"with --model.init_from {path}."
            )

    @property
    def step(self) -> int:
        """The optimizer steps that were done."""
        step: int = self._checkpoint["global_step"]
        return step

    def is_finished(self) -> bool:
        """Whether the run has come to the end that it is set."""
        trainer, loops = self.settings["trainer"], self._checkpoint["loops"]["fit_loop"]
        if 0 < (trainer["max_steps"] or -1) <= self.step:
            return True
        # Within the last batch of an epoch this does not count as over yet.
        epochs = loops["epoch_progress"]["current"]
        last_batch = loops["epoch_loop.batch_progress"]["is_last_batch"]
        done = max(epochs["processed"], epochs["ready"] if last_batch else 0)
        if 0 < (trainer["max_epochs"] or -1) <= done:
            return True
        was_stopped = self._checkpoint.get("provenance", {}).get("stopped", False)
        return bool(was_stopped) and not any(change.name in _ENDS for change in self.changes)

    def told(self) -> str:
        """What a user wants to know before the run goes on."""
        anew = "To begin anew: --ckpt_path null, or another --trainer.default_root_dir."
        if self.is_finished():
            return (
                f"note: this run is finished, at step {self.step}: {self.path} is left as it is. To train on, raise "
                f"trainer.max_steps, max_epochs or max_time, whichever ended it. {anew}"
            )
        note = f"note: going on from step {self.step} of {self.path}. {anew}"
        if self.changes:
            note += "\nnote: since then these settings have changed:\n" + "\n".join(map(str, self.changes))
        return note


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint in `folder` to go on from; None where there is none.

    One that a killed process was just replacing is put back first.

    Raises:
        InputError: all that there are are damaged.
    """
    sweep(folder, "*.ckpt")
    return newest_whole(folder) if folder.is_dir() else None


def finish_last(newest: Path, files: WholeFiles) -> bool:
    """Makes `last.ckpt` of a finished run's newest checkpoint, where a kill left it as it was before, or none at all.

    Args:
        newest: the checkpoint of the last step, written before `last.ckpt` is.
        files: what writes the run's checkpoints.

    Returns:
        Whether there was anything to do.

    Raises:
        WriteError: it cannot be written; what was there before is.
    """
    last = newest.with_name("last.ckpt")
    if newest == last and files.is_complete(last):
        return False
    if newest.is_dir():
        with whole(last) as beside:
            shutil.copytree(newest, beside)
    else:
        files.save_checkpoint(torch.load(newest, map_location="cpu", weights_only=True), last)
    return True


def named_checkpoint(path: Path) -> Path:
    """The path, once it is seen that there is a checkpoint.

    Raises:
        MissingFileError: there is none.
        InputError: it is damaged.
    """
    if not path.exists():
        raise MissingFileError(
            f"There is no checkpoint {path}. Training writes them to RUN/checkpoints/, the newest as last.ckpt."
        )
    if not is_whole(path):
        raise InputError(
            f"The checkpoint {path} is damaged: its end or a part of it is missing, or its checksums are wrong. Name "
            "another one."
        )
    return path


def check_strategy(path: Path | None, strategy: Strategy) -> None:
    """Whether a strategy reads the checkpoint at `path`, if there is to be one.

    Raises:
        SettingError: it is a divided one, and the strategy no such as writes these.
    """
    if path is not None and is_divided(path) and not isinstance(strategy, ModelParallelStrategy):
        raise SettingError(
            f"{path} is a divided checkpoint, which this strategy does not read. Add --trainer.strategy fsdp2; or put "
            f"it together with `dreaminpainter export {path} FOLDER`, and begin another run from its weights with "
            "--model.init_from FOLDER."
        )


def changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[Change]:
    """The settings that differ, by their names in full, but for those that only tell where things are.

    Example:
        >>> [str(one) for one in changes({"trainer": {"max_steps": 8}}, {"trainer": {"max_steps": 9}})]
        ['  trainer.max_steps: 8 -> 9']
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name) and not _is_within(name, _PLACES):
            yield Change(name, old.get(name), new.get(name))


def _is_decisive(change: Change) -> bool:
    # One that only one side has is of another version of this package, or goes with a class that has changed too.
    return None not in (change.before, change.now) and _is_within(change.name, _DECISIVE)


def _is_within(name: str, groups: tuple[str, ...]) -> bool:
    return any(name == group or name.startswith(f"{group}.") for group in groups)


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _told(value: Any) -> str:
    return "none" if value is None else str(value)
