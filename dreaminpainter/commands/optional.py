"""Callbacks that a run has unless it is told to have none."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser

from dreaminpainter.callbacks import ExponentialMovingAverage, FillWriter, LossLogger, NonFiniteGuard, PictureGrid
from dreaminpainter.commands.forecast import Forecast

OPTIONAL = {
    "ema": ExponentialMovingAverage,
    "forecast": Forecast,
    "losses": LossLogger,
    "nonfinite": NonFiniteGuard,
    "pictures": PictureGrid,
    "predictions": FillWriter,
}


def add_optional_callbacks(parser: LightningArgumentParser) -> None:
    """Gives a command the settings of each, and lets `NAME: null` in a config leave it out."""
    for name, kind in OPTIONAL.items():
        parser.add_lightning_class_args(kind, name)
        group: Any = (parser.groups or {})[name]
        group.title = f"{group.title} (none: `--{name} null`, or `{name}: null` in a config)"
        group.instantiate_class = _unless_null(group.instantiate_class)


def with_nulls_as_configs(arguments: list[str]) -> list[str]:
    """The arguments with `--pictures null`, which the parser would take for a file's name, as a config that says so.

    Example:
        >>> with_nulls_as_configs(["--pictures", "null", "--ema.decay", "0.9", "--losses=null"])
        ['--config', 'pictures: null', '--ema.decay', '0.9', '--config', 'losses: null']
    """
    apart = [part for word in arguments for part in (word.split("=") if word in _joined() else [word])]
    changed = list(apart)
    for place, (flag, value) in enumerate(pairwise(apart)):
        if value == "null" and flag.removeprefix("--") in OPTIONAL:
            changed[place : place + 2] = ["--config", f"{flag.removeprefix('--')}: null"]
    return changed


def _joined() -> set[str]:
    return {f"--{name}=null" for name in OPTIONAL}


def _unless_null(make: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """As jsonargparse makes the class of a group of settings; one that does nothing where these are null."""

    def made(group: Any, config: Any) -> None:
        if config.get(group.dest, {}) is None:
            config[group.dest] = Callback()
        else:
            make(group, config)

    return made
