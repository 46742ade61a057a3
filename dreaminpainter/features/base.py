"""What every feature extractor is."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.types import Reference, TokenFeatures
from dreaminpainter.unet import SubjectUNet


class FeatureExtractor(Component, nn.Module, ABC):
    """Turns a reference picture into N tokens (eq. 2).

    An extractor may read the UNet that it is handed; it never owns it.
    """

    record_attentions: bool = False
    """Whether to return `TokenFeatures.attentions`; set by the network when its selector needs them."""

    @abstractmethod
    def forward(self, reference: Reference, unet: SubjectUNet) -> TokenFeatures:
        """Extracts.

        Args:
            reference: the subject on white, with `latents` and `text_states` filled in.
            unet: the inpainting UNet.
        """

    def token_width(self, unet: SubjectUNet) -> int:
        """D, the width of the tokens that `forward` returns with this `unet`; found by reading a blank reference."""
        config = unet.config
        blank = Reference(
            pixels=torch.ones(1, 3, 64, 64),
            mask=torch.ones(1, 1, 64, 64),
            latents=torch.zeros(1, config.out_channels, 32, 32),
            text_states=torch.zeros(1, 1, config.cross_attention_dim),
        )
        with torch.no_grad():
            return int(self(blank, unet).tokens.shape[-1])

    def frozen_encoder(self, unet: SubjectUNet) -> SubjectUNet | None:
        """A copy of the part of `unet` to read instead, for an extractor that shall not change with training."""
        return None


def touched_cells(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, h*w) bool: the cells of `grid` that the subject touches, by max-pooling `mask` (B, 1, H, W)."""
    return F.adaptive_max_pool2d(mask.float(), grid).flatten(1) > 0
