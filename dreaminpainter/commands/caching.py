"""Cached latents, written for a config of `fit`."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from dreaminpainter.backbones import CachedBackbone
from dreaminpainter.cached_encoders import write_texts
from dreaminpainter.commands.latents import refuse_holes
from dreaminpainter.commands.making import made
from dreaminpainter.configuration import find_config
from dreaminpainter.data.captioning import Captioner
from dreaminpainter.data.sources import Instance
from dreaminpainter.data.store.reading import PreparedSource
from dreaminpainter.encoding import autoencoder_identity, encode_images

_ONLY_FOR_RUNS = ("ckpt_path", "weights_only")
"""What a config of `fit` may hold that is not about how things are made."""


def cache_latents(prepared: PreparedSource, config: str, variants: int, device: str) -> None:
    """Writes the latents of prepared data as a config of `fit` needs them; with a `CachedBackbone` the texts too.

    Args:
        prepared: the data.
        config: whose autoencoder, sizes, framing and augmentation are taken.
        variants: augmented references an object.
        device: where to encode.

    Raises:
        SettingError: the config cannot be understood, or its input form depends on the hole.
    """
    cli = made(_settings(config), config)
    refuse_holes(cli.model)
    backbone, networks = cli.model.backbone, cli.model
    if isinstance(backbone, CachedBackbone):
        networks = backbone.complete().parts()
        text_encoder = networks.text_encoder.to(device)
        texts = [text for row in range(len(prepared)) for text in texts_of(prepared[row], cli.datamodule.captioner)]
        write_texts(networks.tokenizer, text_encoder, ["", *texts], Path(backbone.texts))
    vae = networks.vae.to(device)
    prepared.cache.write(
        lambda rows: [prepared[row] for row in rows],
        len(prepared),
        cli.datamodule.maker(cli.datamodule.seed),
        lambda pixels: encode_images(vae, pixels.to(device)),
        autoencoder_identity(vae),
        variants,
    )


def texts_of(instance: Instance, captioner: Captioner) -> list[str]:
    """All texts that training may read with an object."""
    instance.key = 0
    captions = captioner([instance.image], [instance])
    return [instance.class_name, *instance.captions, *(caption.text for caption in instance.written), *captions]


def _settings(config: str) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(find_config(config).read_text(encoding="utf-8"))
    return {name: value for name, value in settings.items() if name not in _ONLY_FOR_RUNS}
