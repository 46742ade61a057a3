"""Features straight from the autoencoder: what the down stack adds is left out."""

import torch
import torch.nn.functional as F

from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.features.base import FeatureExtractor, touched_cells
from dreaminpainter.types import Reference, TokenFeatures
from dreaminpainter.unet import SubjectUNet


class VAEFeatures(FeatureExtractor):
    """The reference's latents as tokens (an alternative to eq. 2): colours and strokes, and no idea of what they are.

    Args:
        patch: so many latent cells to the side make a token, 1 or more; 2 gives Stable Diffusion at 512 px the 1024
            tokens that the paper has, of width 16.

    Raises:
        SettingError: `patch` is below 1.

    Example:
        >>> reference = Reference(torch.zeros(2, 3, 64, 64), torch.ones(2, 1, 64, 64), latents=torch.zeros(2, 4, 8, 8))
        >>> unet = SubjectUNet(block_out_channels=(32,), down_block_types=("DownBlock2D",),
        ...     up_block_types=("UpBlock2D",), mid_block_type=None)
        >>> VAEFeatures(patch=2)(reference, unet).tokens.shape
        torch.Size([2, 16, 16])
    """

    def __init__(self, patch: int = 1) -> None:
        super().__init__()
        if patch < 1:
            raise SettingError(f"VAEFeatures: patch is {patch}; give 1 or more.")
        self.patch = patch

    def token_width(self, unet: SubjectUNet) -> int:
        width: int = unet.config.out_channels * self.patch**2
        return width

    @torch.no_grad()
    def forward(self, reference: Reference, unet: SubjectUNet) -> TokenFeatures:
        """Reads `reference.latents`; `unet` is not used.

        Raises:
            InputError: latents are not filled in, or cannot be divided into patches.
        """
        if reference.latents is None:
            raise InputError("VAEFeatures reads Reference.latents; encode the pixels with the autoencoder first.")
        height, width = reference.latents.shape[-2:]
        if height % self.patch or width % self.patch:
            raise InputError(f"Latents of {height} x {width} cannot be divided into patches of {self.patch}.")
        grid = (height // self.patch, width // self.patch)
        tokens_BND = F.unfold(reference.latents, self.patch, stride=self.patch).transpose(1, 2)
        return TokenFeatures(tokens=tokens_BND, grid=grid, valid=touched_cells(reference.mask, grid))
