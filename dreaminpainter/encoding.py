"""Pictures to latents and back, and texts to states: one way for training and sampling alike."""

from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from dreaminpainter.errors import InputError


@torch.no_grad()
def encode_images(vae: Any, pixels: Tensor) -> Tensor:
    """Scaled latents of pictures.

    Where the autoencoder gives a distribution its mode is taken, so that a picture always has the same latents (our
    choice; diffusers' training examples draw a sample).

    Args:
        vae: AutoencoderKL, AutoencoderTiny or anything with their `encode` and `config.scaling_factor`.
        pixels: (B, 3, H, W) in [-1, 1].

    Returns:
        (B, C, H / factor, W / factor).
    """
    encoded = vae.encode(pixels.to(vae.dtype))
    latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    scaled: Tensor = (latents - _shift(vae)) * vae.config.scaling_factor
    return scaled.to(pixels.dtype)


@torch.no_grad()
def decode_latents(vae: Any, latents: Tensor) -> Tensor:
    """(B, 3, H, W) pictures in [-1, 1] from scaled latents; the inverse of `encode_images`."""
    decoded: Tensor = vae.decode((latents / vae.config.scaling_factor + _shift(vae)).to(vae.dtype)).sample
    return decoded.clamp(-1, 1).to(latents.dtype)


def _shift(vae: Any) -> float:
    return getattr(vae.config, "shift_factor", None) or 0.0


def autoencoder_identity(vae: Any) -> str:
    """Tells whether two autoencoders make the same latents: a hash of class, settings and weights, 32 digits."""
    settings = {name: value for name, value in sorted(vae.config.items()) if not name.startswith("_")}
    return weights_identity(f"{type(vae).__name__} {settings}", vae.state_dict())


def weights_identity(kind: str, weights: dict[str, Tensor]) -> str:
    """A hash of what kind of network it is and of its weights, 32 digits; the same in float32 and in bfloat16."""
    digest = blake2b(kind.encode(), digest_size=16)
    for name, weight in sorted(weights.items()):
        digest.update(f"{name} {tuple(weight.shape)}".encode())
        # Training may hold the weights in half precision.
        digest.update(weight.detach().cpu().to(torch.bfloat16).view(torch.int16).numpy().tobytes())
    return digest.hexdigest()


def downscaling(vae: Any) -> int:
    """How many pixels a latent cell is wide."""
    if "factor" in vae.config:
        return int(vae.config.factor)
    return int(2 ** (len(_stages(vae.config)) - 1))


def latent_width(vae: Any) -> int:
    """How many channels its latents have."""
    return int(3 * vae.config.factor**2 if "latent_channels" not in vae.config else vae.config.latent_channels)


def size_multiple(vae: Any, unet: Any) -> int:
    """What heights and widths in pixels have to be divisible by, so that every UNet block halves evenly."""
    return downscaling(vae) * int(2 ** (len(unet.config.block_out_channels) - 1))


def _stages(config: Any) -> Any:
    return config.block_out_channels if "block_out_channels" in config else config.encoder_block_out_channels


def encode_texts(
    tokenizer: Any, text_encoder: Any, texts: list[str], device: torch.device | str | None = None
) -> Tensor:
    """(B, T, D) last hidden states; texts longer than the encoder reads are cut (see `count_truncated`).

    `device` is where to compute; by default where the encoder lies, which offloading makes nowhere.
    """
    tokens = tokenizer(
        texts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    states: Tensor = text_encoder(tokens.input_ids.to(device or text_encoder.device)).last_hidden_state
    return states


def token_counts(tokenizer: Any, texts: list[str]) -> list[int]:
    """How many tokens each text has, start and end included, before anything is cut."""
    return [len(ids) for ids in tokenizer(texts, truncation=False, verbose=False).input_ids]


def count_truncated(tokenizer: Any, texts: list[str]) -> int:
    """How many of `texts` are longer than the encoder reads."""
    return sum(count > tokenizer.model_max_length for count in token_counts(tokenizer, texts))


def check_prompts(tokenizer: Any, prompts: list[str]) -> None:
    """Raises an InputError for the first prompt that the text encoder would cut."""
    for prompt, count in zip(prompts, token_counts(tokenizer, prompts), strict=True):
        if count > tokenizer.model_max_length:
            raise InputError(
                f"The prompt has {count} tokens, and this text encoder reads {tokenizer.model_max_length}: {prompt!r}. "
                "Shorten it."
            )
