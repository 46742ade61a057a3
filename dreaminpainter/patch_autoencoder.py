"""The best linear autoencoder of small squares: their principal components."""

from typing import Self

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Squares of pixels as their principal components, behind the calls of diffusers' `AutoencoderTiny`. Our own.

    Drawn pictures need few of them, fitting takes seconds, and since every square is encoded alone, no latent outside a
    hole knows anything of what was inside it. Components are divided by the fourth root of their standard deviation: a
    network that learns the latents with a plain squared error then heeds small strokes more than a squared error of
    pixels would, and large areas still by far the most.

    Args:
        factor: side of the square in pixels.
        latent_channels: how many components are kept, 3 * factor ** 2 at most.
        scaling_factor: what latents are multiplied with; 1, since on average they are of unit variance.

    Example:
        >>> pictures = torch.rand(8, 3, 32, 32) * 2 - 1
        >>> codec = PatchAutoencoder.fitted(pictures, factor=4, latent_channels=48)
        >>> latents = codec.encode(pictures).latents
        >>> latents.shape, bool((codec.decode(latents).sample - pictures).abs().max() < 1e-3)
        (torch.Size([8, 48, 8, 8]), True)
    """

    @register_to_config
    def __init__(self, factor: int = 8, latent_channels: int = 48, scaling_factor: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        self.register_buffer("components", torch.zeros(latent_channels, 3, factor, factor))
        self.register_buffer("gain", torch.ones(latent_channels, 1, 1))

    @classmethod
    def fitted(cls, pictures: Tensor, factor: int = 8, latent_channels: int = 48) -> Self:
        """The autoencoder of the squares that (B, 3, H, W) pictures in [-1, 1] are made of."""
        codec: Self = cls(factor, latent_channels)
        codec.mean.copy_(pictures.mean((0, 2, 3)).view_as(codec.mean))
        squares = F.unfold(pictures - codec.mean, factor, stride=factor).transpose(1, 2).flatten(0, 1).double()
        variances, directions = torch.linalg.eigh(squares.mT @ squares / len(squares))
        kept = directions.flip(1)[:, :latent_channels]
        deviations = variances.flip(0)[:latent_channels].clamp_min(1e-12).sqrt()
        gain = deviations**-0.25
        gain = gain / (gain * deviations).square().mean().sqrt()
        codec.components.copy_(kept.T.reshape(codec.components.shape))
        codec.gain.copy_(gain.view_as(codec.gain))
        return codec

    @apply_forward_hook
    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderTinyOutput:
        """(B, 3, H, W) to latents (B, latent_channels, H / factor, W / factor)."""
        squares = F.conv2d(x - self.mean, self.components, stride=self.config.factor)
        return AutoencoderTinyOutput(latents=squares * self.gain)

    @apply_forward_hook
    def decode(self, z: Tensor, return_dict: bool = True) -> DecoderOutput:
        """The way back, without what the components that were left out held."""
        squares = F.conv_transpose2d(z / self.gain, self.components, stride=self.config.factor)
        return DecoderOutput(sample=squares + self.mean)
