"""Cached latents, written for a config of `fit`."""

from jsonargparse import ArgumentError

from dreaminpainter.commands.latents import refuse_holes
from dreaminpainter.commands.training import DreamInpainterCLI
from dreaminpainter.configuration import find_config
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.store.reading import PreparedSource
from dreaminpainter.encoding import autoencoder_identity, encode_images
from dreaminpainter.errors import SettingError
from dreaminpainter.module import DreamInpainter


def cache_latents(prepared: PreparedSource, config: str, variants: int, device: str) -> None:
    """Writes the latents of prepared data as a config of `fit` needs them.

    Args:
        prepared: the data.
        config: whose autoencoder, sizes, framing and augmentation are taken.
        variants: augmented references an object.
        device: where to encode.

    Raises:
        SettingError: the config cannot be understood, or its input form depends on the hole.
    """
    try:
        cli = DreamInpainterCLI(
            DreamInpainter,
            InpaintingDataModule,
            args=["--config", str(find_config(config))],
            run=False,
            seed_everything_default=0,
            save_config_callback=None,
            auto_configure_optimizers=False,
            parser_kwargs={"exit_on_error": False},
        )
    except ArgumentError as error:
        raise SettingError(f"{config}: {error}") from error
    refuse_holes(cli.model)
    vae = cli.model.vae.to(device)
    prepared.cache.write(
        lambda rows: [prepared[row] for row in rows],
        len(prepared),
        cli.datamodule.maker(cli.datamodule.seed),
        lambda pixels: encode_images(vae, pixels.to(device)),
        autoencoder_identity(vae),
        variants,
    )
