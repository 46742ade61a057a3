"""A lossless stand-in for an autoencoder: pixels folded into channels."""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, AutoencoderTiny, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import Tensor

from dreaminpainter.patch_autoencoder import PatchAutoencoder


class SpaceToDepth(ModelMixin, ConfigMixin):
    """Folds squares of pixels into channels and back, behind the calls of diffusers' `AutoencoderTiny`.

    It has no weights and loses nothing, so small networks can be trained before any autoencoder is.

    Args:
        factor: side of the square, in pixels; latents have 3 * factor ** 2 channels.
        scaling_factor: what latents are multiplied with, to give pictures about unit variance.

    Example:
        >>> codec = SpaceToDepth(factor=4)
        >>> codec.encode(torch.zeros(1, 3, 64, 64)).latents.shape
        torch.Size([1, 48, 16, 16])
    """

    @register_to_config
    def __init__(self, factor: int = 4, scaling_factor: float = 1.6) -> None:
        super().__init__()
        # diffusers can neither load a model without tensors nor tell its dtype.
        self.register_buffer("anchor", torch.zeros(1))

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderTinyOutput:
        """(B, 3, H, W) to latents (B, 3 factor², H / factor, W / factor)."""
        return AutoencoderTinyOutput(latents=F.pixel_unshuffle(x, self.config.factor))

    def decode(self, z: Tensor, return_dict: bool = True) -> DecoderOutput:
        """The way back."""
        return DecoderOutput(sample=F.pixel_shuffle(z, self.config.factor))


Autoencoder = AutoencoderKL | AutoencoderTiny | PatchAutoencoder | SpaceToDepth
"""Those that a model can have."""
