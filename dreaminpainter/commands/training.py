"""`fit`, `validate`, `test` and `predict`: Lightning's command line, with what belongs together linked."""

import warnings
from typing import Any

from jsonargparse import ArgumentError
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from dreaminpainter.callbacks import ExponentialMovingAverage, FillWriter, LossLogger, PictureGrid, Provenance
from dreaminpainter.configuration import with_configs_found
from dreaminpainter.data import sources  # noqa: F401  its classes can be named without their module
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.errors import SettingError
from dreaminpainter.module import DreamInpainter


class DreamInpainterCLI(LightningCLI):
    """Everything of a run lies under `trainer.default_root_dir`: checkpoints, logs, pictures, the config."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Callbacks that every run has, and the settings that model and data share."""
        parser.add_lightning_class_args(ExponentialMovingAverage, "ema")
        parser.add_lightning_class_args(LossLogger, "losses")
        parser.add_lightning_class_args(PictureGrid, "pictures")
        parser.add_lightning_class_args(FillWriter, "predictions")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "trainer.default_root_dir": "runs/default",
                "checkpoint.save_last": True,
                "predictions.folder": "runs/predictions",
            }
        )
        parser.link_arguments("trainer.default_root_dir", "checkpoint.dirpath", compute_fn=_checkpoints_of)
        parser.link_arguments(("data.height", "data.width"), "model.image_size", compute_fn=_size_of)
        parser.link_arguments("data.reference_size", "model.reference_size")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)

    def before_instantiate_classes(self) -> None:
        """Logs go into the run's folder, whichever time it is started."""
        trainer = self.config[self.subcommand].trainer
        if trainer.logger in (None, True):
            settings = {"save_dir": trainer.default_root_dir, "name": "", "version": "logs"}
            trainer.logger = {"class_path": "lightning.pytorch.loggers.TensorBoardLogger", "init_args": settings}

    def before_fit(self) -> None:
        """Every checkpoint carries what it came from."""
        config = self.parser.dump(self.config, skip_check=True)
        self.trainer.callbacks += [Provenance(config), LearningRateMonitor("step")]  # type: ignore[attr-defined]


def run(name: str, arguments: list[str]) -> DreamInpainterCLI:
    """Runs Lightning's subcommand `name`.

    Raises:
        SettingError: an argument or config that cannot be understood.
    """
    # Lightning warns of arguments that are given beside the process's own; here they are the same.
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter is intended")
    try:
        return DreamInpainterCLI(
            DreamInpainter,
            InpaintingDataModule,
            args=[name, *with_configs_found(arguments)],
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            trainer_defaults={"use_distributed_sampler": False},
            auto_configure_optimizers=False,
            parser_kwargs={"exit_on_error": False, name: {"exit_on_error": False}},
        )
    except ArgumentError as error:
        raise SettingError(f"{error}\nAll settings: dreaminpainter {name} --help") from error


def _checkpoints_of(folder: Any) -> str:
    return f"{folder}/checkpoints"


def _size_of(height: int, width: int) -> tuple[int, int]:
    return height, width
