"""Which cached latents a model can be trained on."""

from itertools import chain

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.encoding import autoencoder_identity
from dreaminpainter.errors import SettingError
from dreaminpainter.module import DreamInpainter


def check_latents(data: InpaintingDataModule, model: DreamInpainter) -> None:
    """Refuses cached latents that the model cannot be trained on.

    Raises:
        SettingError: they are of another autoencoder, or the model's input form depends on the hole.
    """
    parts = (data.train, data.validation, data.test)
    for name, source in chain.from_iterable(part.items() for part in parts):
        made_from = source.latents_made_from
        if made_from is None:
            continue
        refuse_holes(model)
        if made_from["autoencoder"] != autoencoder_identity(model.vae):
            raise SettingError(
                f"The cached latents of {name!r} are of another autoencoder than the model's. Cache them anew with "
                "this config, or set `latents` of the source to false."
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
