"""The networks of a latent diffusion model together, and their architecture as plain values.

Example:
    >>> from dreaminpainter.backbones import TinyBackbone
    >>> architecture = describe_parts(TinyBackbone(channels=[32, 64]).parts())
    >>> make_parts(architecture).unet.config.block_out_channels
    (32, 64)
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from diffusers import DDPMScheduler
from tokenizers import Tokenizer
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from dreaminpainter.autoencoder import Autoencoder
from dreaminpainter.cached_encoders import UnloadedAutoencoder
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.pretrained import packaged
from dreaminpainter.unet import SubjectUNet

AUTOENCODERS = {kind.__name__: kind for kind in get_args(Autoencoder)}
"""The autoencoders that can be used, by the name that diffusers writes into their config."""

_SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass
class Parts:
    """The networks of a latent diffusion model; `Any` where diffusers and transformers are untyped."""

    vae: Any
    unet: SubjectUNet
    text_encoder: Any
    tokenizer: Any
    scheduler: Any


def describe_parts(parts: Parts) -> dict[str, Any]:
    """The configs of all parts and the whole tokenizer: a checkpoint that holds them needs no source."""
    tokenizer = parts.tokenizer
    return {
        "vae": {"class": autoencoder_name(parts.vae), **_plain(parts.vae.config)},
        "unet": _plain(parts.unet.config),
        "text_encoder": parts.text_encoder.config.to_diff_dict(),
        "tokenizer": {
            "tokenizer": tokenizer.backend_tokenizer.to_str(),
            "model_max_length": tokenizer.model_max_length,
            **{name: str(getattr(tokenizer, name)) for name in _SPECIAL_TOKENS},
        },
        "scheduler": _plain(parts.scheduler.config),
    }


def make_parts(architecture: dict[str, Any]) -> Parts:
    """The parts that `describe_parts` wrote down, with random weights."""
    vae = dict(architecture["vae"])
    tokenizer = dict(architecture["tokenizer"])
    return Parts(
        vae=AUTOENCODERS[vae.pop("class")].from_config(vae),
        unet=SubjectUNet.from_config(architecture["unet"]),
        text_encoder=CLIPTextModel(CLIPTextConfig.from_dict(architecture["text_encoder"])),
        tokenizer=PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer.pop("tokenizer")), **tokenizer),
        scheduler=DDPMScheduler.from_config(architecture["scheduler"]),
    )


def autoencoder_name(vae: Any) -> str:
    """The class of an autoencoder, of one that is not loaded too, as diffusers names it in the config."""
    return str(vae.config["_class_name"]) if isinstance(vae, UnloadedAutoencoder) else type(vae).__name__


def autoencoder_class(name: str) -> Any:
    """The class of an autoencoder by the name in its config.

    Raises:
        SettingError: it is none that can be used.
    """
    if name not in AUTOENCODERS:
        raise SettingError(f"The autoencoder {name} is not one that can be used: {', '.join(AUTOENCODERS)}.")
    return AUTOENCODERS[name]


def read_autoencoder(name: str) -> Any:
    """A trained autoencoder: a folder in diffusers' layout, or a packaged model's.

    Raises:
        MissingFileError: there is none.
        SettingError: it is of a class that cannot be used.
    """
    folder = Path(packaged(name))
    folder = folder / "vae" if (folder / "vae").is_dir() else folder
    if not (folder / "config.json").is_file():
        raise MissingFileError(
            f"There is no autoencoder in {folder}: it has no config.json. Name a folder in diffusers' layout, or a "
            "packaged model, such as critters."
        )
    kind = json.loads((folder / "config.json").read_text())["_class_name"]
    return autoencoder_class(kind).from_pretrained(folder, dtype=torch.float32)


def _plain(config: Any) -> dict[str, Any]:
    """Without the notes that diffusers makes for itself."""
    return {name: value for name, value in config.items() if not name.startswith("_")}
