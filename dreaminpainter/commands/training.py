"""`fit`, `validate`, `test` and `predict`: Lightning's command line, with what belongs together linked."""

import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from dreaminpainter.callbacks import ExponentialMovingAverage, FillWriter, LossLogger, PictureGrid, Provenance
from dreaminpainter.commands.latents import check_latents
from dreaminpainter.commands.noise import silence_loading, silence_noise
from dreaminpainter.components import Component
from dreaminpainter.configuration import hint, with_configs_found
from dreaminpainter.data import shards, sources, store  # noqa: F401  their classes can be named without modules
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.module import DreamInpainter


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, which also writes `last.ckpt` as the last step ends.

    Lightning's own leaves out what was trained since the last validation, or writes when the epoch counts as over. This
    one writes before that, so that a run which ended within an epoch continues within it.
    """

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        last_step = 0 < trainer.max_steps <= trainer.global_step
        last_epoch = trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs
        if self.save_last is True and (trainer.should_stop or last_step or last_epoch):
            last = f"{self.dirpath}/{self.CHECKPOINT_NAME_LAST}{self.FILE_EXTENSION}"
            trainer.save_checkpoint(last, self.save_weights_only)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Done already."""


OPTIONAL = {"ema": ExponentialMovingAverage, "losses": LossLogger, "pictures": PictureGrid, "predictions": FillWriter}
"""Callbacks that a run has unless a config sets them to null."""


class DreamInpainterCLI(LightningCLI):
    """Everything of a run lies under `trainer.default_root_dir`: checkpoints, logs, pictures, the config."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Callbacks that every run has, and the settings that model and data share."""
        for name, kind in OPTIONAL.items():
            parser.add_lightning_class_args(kind, name)
            group: Any = (parser.groups or {})[name]
            group.title = f"{group.title} (none where a config says `{name}: null`)"
            group.instantiate_class = _unless_null(group.instantiate_class)
        parser.add_lightning_class_args(RunCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "trainer.default_root_dir": "runs/default",
                "checkpoint.save_last": True,
                # A second run of the same folder would otherwise leave the first one's last.ckpt in place.
                "checkpoint.enable_version_counter": False,
            }
        )
        parser.link_arguments("trainer.default_root_dir", "checkpoint.dirpath", compute_fn=_checkpoints_of)
        parser.link_arguments(("data.height", "data.width"), "model.image_size", compute_fn=_size_of)
        parser.link_arguments("data.reference_size", "model.reference_size")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)

    def before_instantiate_classes(self) -> None:
        """Logs go into the run's folder, whichever time it is started; a checkpoint that is named must be there."""
        config = self.config[self.subcommand]
        # Only `fit` may start anew where there is no last one.
        no_file = (None, "best", "hpc", "last") if self.subcommand == "fit" else (None, "hpc")
        path = f"{config.checkpoint.dirpath}/last.ckpt" if config.ckpt_path == "last" else config.ckpt_path
        if config.ckpt_path not in no_file and not Path(path).is_file():
            raise MissingFileError(
                f"There is no checkpoint {path}. Training writes them to {config.checkpoint.dirpath}, the "
                "newest as last.ckpt."
            )
        if config.ckpt_path == "last" and not Path(path).is_file():
            print(f"note: there is no {path} to go on from; this run begins anew.", file=sys.stderr)
        if self.subcommand != "fit" and config.ckpt_path is None and config.model.init_from is None:
            print("note: without --ckpt_path these are the weights that training starts from.", file=sys.stderr)
        if config.trainer.logger in (None, True):
            settings = {"save_dir": config.trainer.default_root_dir, "name": "", "version": "logs"}
            config.trainer.logger = {"class_path": "lightning.pytorch.loggers.TensorBoardLogger", "init_args": settings}

    def before_fit(self) -> None:
        """Every checkpoint carries what it came from; cached latents have to fit the model."""
        check_latents(self.datamodule, self.model)
        config = self.parser.dump(self.config, skip_check=True)
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        callbacks.append(Provenance(config))
        if self.trainer.loggers:
            callbacks.append(LearningRateMonitor("step"))


def run(name: str, arguments: list[str]) -> DreamInpainterCLI:
    """Runs Lightning's subcommand `name`.

    Raises:
        SettingError: an argument or config that cannot be understood, or that Lightning refuses.
    """
    silence_noise()
    silence_loading()
    arguments = with_configs_found(arguments)
    try:
        cli = DreamInpainterCLI(
            DreamInpainter,
            InpaintingDataModule,
            args=[name, *arguments],
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            trainer_defaults={"use_distributed_sampler": False},
            auto_configure_optimizers=False,
            parser_kwargs={"exit_on_error": False, name: {"exit_on_error": False}},
        )
    except ArgumentError as error:
        more = hint(str(error), arguments, _known_names())
        raise SettingError(f"{error}.{more}\nAll settings: dreaminpainter {name} --help") from error
    except MisconfigurationException as error:
        raise SettingError(str(error)) from error
    last = Path(cli.config[name].checkpoint.dirpath) / "last.ckpt"
    if name == "fit" and cli.trainer.is_global_zero and last.is_file():
        print(f"checkpoint: {last}")
    return cli


def _known_names() -> list[str]:
    """Settings of the command, and classes that a component can be swapped for."""
    groups = {"trainer": pl.Trainer, "model": DreamInpainter, "data": InpaintingDataModule, "pictures": PictureGrid}
    settings = [f"{group}.{name}" for group, kind in groups.items() for name in signature(kind).parameters]
    return settings + [kind.__name__ for kind in _below(Component)]


def _below(kind: type) -> list[type]:
    children: list[type] = kind.__subclasses__()
    return [one for child in children for one in (child, *_below(child))]


def _unless_null(make: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """As jsonargparse makes the class of a group of settings; one that does nothing where these are null."""

    def made(group: Any, config: Any) -> None:
        if config.get(group.dest, {}) is None:
            config[group.dest] = Callback()
        else:
            make(group, config)

    return made


def _checkpoints_of(folder: Any) -> str:
    return f"{folder}/checkpoints"


def _size_of(height: int, width: int) -> tuple[int, int]:
    return height, width
