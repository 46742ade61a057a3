"""`fit`, `validate`, `test` and `predict`: Lightning's command line, with what belongs together linked."""

import signal
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from jsonargparse import ArgumentError
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from lightning.pytorch.utilities import rank_zero_only

from dreaminpainter.callbacks import PictureGrid, Provenance, RunCheckpoint
from dreaminpainter.callbacks.checkpoint_files import WholeFiles
from dreaminpainter.commands.continuing import (
    Continuation,
    check_strategy,
    finish_last,
    last_checkpoint,
    named_checkpoint,
)
from dreaminpainter.commands.failing import failures_told
from dreaminpainter.commands.forecast import progress_bar
from dreaminpainter.commands.latents import check_latents, check_pictures
from dreaminpainter.commands.noise import silence_loading, silence_noise
from dreaminpainter.commands.optional import add_optional_callbacks, with_nulls_as_configs
from dreaminpainter.commands.places import PlaceInEpoch
from dreaminpainter.components import Component
from dreaminpainter.configuration import hint, with_configs_found
from dreaminpainter.data import shards, sources, store  # noqa: F401  their classes can be named without modules
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.errors import SettingError
from dreaminpainter.lora_checkpoints import LoRABeside
from dreaminpainter.module import DreamInpainter


class DreamInpainterCLI(LightningCLI):
    """Everything of a run lies under `trainer.default_root_dir`: checkpoints, logs, pictures, the config."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Callbacks that every run has, and the settings that model and data share."""
        add_optional_callbacks(parser)
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

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Lightning's, which would show a seed out of range as a stack trace."""
        super().parse_arguments(parser, args)
        command = self.config.get("subcommand")  # none where the CLI is made to run nothing
        seed = (self.config if command is None else self.config[command]).seed_everything
        if not 0 <= seed < 2**32:
            raise SettingError(f"seed_everything is {seed}. Set it to a number from 0 to {2**32 - 1}.")

    def setup_parser(
        self, add_subcommands: bool, main_kwargs: dict[str, Any], subparser_kwargs: dict[str, Any]
    ) -> None:
        """Training goes on where it was unless it is told not to."""
        super().setup_parser(add_subcommands, main_kwargs, subparser_kwargs)
        if add_subcommands:
            self._subcommand_parsers["fit"].set_defaults({"ckpt_path": "last"})

    def before_instantiate_classes(self) -> None:
        """Logs go into the run's folder, whichever time it is started; a checkpoint that is named must be there."""
        config = self.config[self.subcommand]
        # As it was parsed, for comparing; the paths within are not looked at.
        self.settings = self.parser.dump(self.config, skip_validation=True)
        self.continuation = self._continuation(config) if self.subcommand == "fit" else None
        if self.continuation is not None:
            self.checkpoint: Path | None = self.continuation.path
        else:
            self.checkpoint = self._checked_checkpoint(config) if self.subcommand != "fit" else None
        if config.trainer.logger in (None, True):
            settings = {"save_dir": config.trainer.default_root_dir, "name": "", "version": "logs"}
            config.trainer.logger = {"class_path": "lightning.pytorch.loggers.TensorBoardLogger", "init_args": settings}

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> pl.Trainer:
        """With a bar that counts to the last step, unless a config says something of bars."""
        given = config.get("callbacks") or []
        own = given if isinstance(given, list) else [given]  # Lightning takes a single one as it is
        if config.get("enable_progress_bar") is not False and not any(isinstance(one, ProgressBar) for one in own):
            callbacks = [*callbacks, progress_bar()]
        return super()._instantiate_trainer(config, callbacks)

    def before_fit(self) -> None:
        """Every checkpoint carries what it came from; cached latents have to fit the model."""
        check_latents(self.datamodule, self.model)
        check_pictures(self.trainer, self.model)
        if self.continuation is not None:
            self.config_init["fit"]["ckpt_path"] = str(self.continuation.path)
        elif self.config["fit"]["ckpt_path"] == "last":
            self.config_init["fit"]["ckpt_path"] = None
        if type(self.trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # another is one that a config names
            self.trainer.strategy.checkpoint_io = self._files()
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        callbacks += [Provenance(self.settings), PlaceInEpoch()]
        if self.trainer.loggers:
            callbacks.append(LearningRateMonitor("step"))

    def _files(self) -> WholeFiles:
        return WholeFiles() if self.model.lora is None else LoRABeside()

    def _run_subcommand(self, subcommand: str) -> None:
        """As Lightning does, but a run that is finished is left as it is."""
        if self.continuation is not None and self.continuation.is_finished():
            self._finish(self.continuation.path)
        else:
            check_strategy(self.checkpoint, self.trainer.strategy)
            with failures_told(self.config[subcommand]):
                try:
                    super()._run_subcommand(subcommand)
                except Exception:
                    self._end_other_processes()
                    raise

    def _finish(self, newest: Path) -> None:
        """Does for a finished run what a process that was killed at its very end had not done yet."""
        is_to_be_last = self.config["fit"].checkpoint.save_last and self.config["fit"].ckpt_path == "last"
        if is_to_be_last and self.trainer.is_global_zero and finish_last(newest, self._files()):
            _note(f"note: it was killed before {newest.with_name('last.ckpt')} was written, which is done now.")

    def _end_other_processes(self) -> None:
        """Those that Lightning started beside this one would wait for it, on a GPU for many minutes.

        The other way round Lightning sees to it; and `torchrun` and `srun` do both.
        """
        launcher = self.trainer.strategy.launcher
        if isinstance(launcher, _SubprocessScriptLauncher):
            launcher.kill(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def _parse_ckpt_path(self) -> None:
        """Settings are those of configs and flags; none come out of a checkpoint."""

    def _checked_checkpoint(self, config: Any) -> Path | None:
        """The checkpoint that a run other than `fit` reads."""
        path = f"{config.checkpoint.dirpath}/last.ckpt" if config.ckpt_path == "last" else config.ckpt_path
        if path not in (None, "hpc"):
            return named_checkpoint(Path(path))
        if config.ckpt_path is None and config.model.init_from is None:
            print("note: without --ckpt_path these are the weights that training starts from.", file=sys.stderr)
        return None

    def _continuation(self, config: Any) -> Continuation | None:
        """What `fit` goes on from, said aloud."""
        folder, asked = Path(config.checkpoint.dirpath), config.ckpt_path
        if asked in (None, "best", "hpc"):
            if asked is None and (folder / "last.ckpt").exists():
                _note(f"note: this run begins anew, and replaces {folder / 'last.ckpt'}.")
            return None
        found = last_checkpoint(folder) if asked == "last" else named_checkpoint(Path(asked))
        if found is None:
            return None
        continuation = Continuation(found, self.settings)
        _note(continuation.told())
        return continuation


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
            args=[name, *with_nulls_as_configs(arguments)],
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
    if name == "fit" and cli.trainer.is_global_zero and last.exists():
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


@rank_zero_only
def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _checkpoints_of(folder: Any) -> str:
    return f"{folder}/checkpoints"


def _size_of(height: int, width: int) -> tuple[int, int]:
    return height, width
