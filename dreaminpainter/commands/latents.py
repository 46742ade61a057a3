"""Which cached latents a model can be trained on."""

from itertools import chain

import lightning.pytorch as pl

from dreaminpainter.cached_encoders import UnloadedAutoencoder
from dreaminpainter.callbacks import PictureGrid
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.encoding import autoencoder_identity
from dreaminpainter.errors import SettingError
from dreaminpainter.module import DreamInpainter


def check_latents(data: InpaintingDataModule, model: DreamInpainter) -> None:
    """Refuses cached latents that the model cannot be trained on.

    Raises:
        SettingError: they are of another autoencoder, the model's input form depends on the hole, or there are none
            where the autoencoder is not loaded.
    """
    is_loaded = not isinstance(model.vae, UnloadedAutoencoder)
    parts = (data.train, data.validation, data.test)
    for name, source in chain.from_iterable(part.items() for part in parts):
        made_from = source.latents_made_from
        if made_from is None:
            if not is_loaded:
                raise SettingError(
                    f"The autoencoder is not loaded, and {name!r} has no cached latents. Cache them and set `latents` "
                    "of the source to true, or take another backbone than CachedBackbone."
                )
            continue
        refuse_holes(model)
        if is_loaded and made_from["autoencoder"] != autoencoder_identity(model.vae):
            raise SettingError(
                f"The cached latents of {name!r} are of another autoencoder than the model's. Cache them anew with "
                "this config, or set `latents` of the source to false."
            )


def check_pictures(trainer: pl.Trainer, model: DreamInpainter) -> None:
    """Refuses pictures of fills where they could not be decoded.

    Raises:
        SettingError: there is no autoencoder for them.
    """
    pictures = any(isinstance(callback, PictureGrid) for callback in trainer.callbacks)  # type: ignore[attr-defined]
    if pictures and isinstance(model.vae, UnloadedAutoencoder):
        raise SettingError(
            "The autoencoder is not loaded, so no pictures of fills can be made. Set `pictures: null`, and fill with "
            "the checkpoint afterwards; or take another backbone than CachedBackbone."
        )


def refuse_holes(model: DreamInpainter) -> None:
    """Refuses a model whose latents depend on the hole.

    Raises:
        SettingError: it does.
    """
    if model.input_form.blank_hole:
        raise SettingError(
            f"Latents cannot be cached for {type(model.input_form).__name__}, which encodes each scene with its hole "
            "blanked, and holes are drawn anew each time. Use Composite without blank_hole, or no cached latents."
        )
