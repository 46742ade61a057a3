"""Model and data of a config of `fit`, made and not run."""

from typing import Any

from jsonargparse import ArgumentError

from dreaminpainter.commands.optional import with_nulls_as_configs
from dreaminpainter.commands.training import DreamInpainterCLI
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.errors import SettingError
from dreaminpainter.module import DreamInpainter


class _Maker(DreamInpainterCLI):
    """Makes model and data of a config, and runs nothing."""

    def before_instantiate_classes(self) -> None:
        """There are no logs and no checkpoint to see to."""


def made(settings: dict[str, Any] | list[str], name: str) -> DreamInpainterCLI:
    """What `fit` would make: `model`, `datamodule` and `trainer`.

    Args:
        settings: of `fit`, as values or as flags.
        name: what messages call them.

    Raises:
        SettingError: they cannot be understood.
    """
    try:
        return _Maker(
            DreamInpainter,
            InpaintingDataModule,
            args=with_nulls_as_configs(settings) if isinstance(settings, list) else settings,
            run=False,
            seed_everything_default=0,
            save_config_callback=None,
            auto_configure_optimizers=False,
            parser_kwargs={"exit_on_error": False},
        )
    except ArgumentError as error:
        raise SettingError(f"{name}: {error}") from error
