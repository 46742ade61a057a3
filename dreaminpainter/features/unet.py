"""Features from the down stack of the UNet that inpaints (eq. 2)."""

from typing import Literal

import torch

from dreaminpainter.attention import AttentionRecord
from dreaminpainter.errors import InputError
from dreaminpainter.features.base import FeatureExtractor, touched_cells
from dreaminpainter.input_forms import clean_input
from dreaminpainter.types import Reference, TokenFeatures
from dreaminpainter.unet import SubjectUNet, check_block


class UNetFeatures(FeatureExtractor):
    """Reads the reference with the down stack of the inpainting UNet: `f(x_r) = UNetDown(x_r, t, c)` (eq. 2).

    That t is 0 and the second down block works best is told by a reviewer of the paper. We read that block's features
    after its last layer and before its downsampler, and give the encoder an empty text (our choices). At 512 px,
    Stable Diffusion 1.5 gives 32 x 32 = 1024 tokens of width 640.

    Args:
        block: index of the down block to read, from 0; 1 is the second.
        timestep: the timestep the encoder is told, 0 to 999; the reference itself is always clean.
        weights: "shared" with the inpainting UNet and trained through the reference too; "stopped", shared but
            without gradient through the reference; "frozen", a copy from before training.

    Example:
        >>> extractor = UNetFeatures(block=1)
        >>> unet = SubjectUNet(block_out_channels=(32, 64), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        ...     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32, attention_head_dim=8)
        >>> reference = Reference(torch.zeros(2, 3, 128, 128), torch.ones(2, 1, 128, 128), ["", ""],
        ...     latents=torch.zeros(2, 4, 16, 16), text_states=torch.zeros(2, 7, 32))
        >>> features = extractor(reference, unet)
        >>> features.tokens.shape, features.grid
        (torch.Size([2, 64, 64]), (8, 8))
    """

    def __init__(
        self, block: int = 1, timestep: int = 0, weights: Literal["shared", "stopped", "frozen"] = "shared"
    ) -> None:
        super().__init__()
        self.block = block
        self.timestep = timestep
        self.weights = weights

    def token_width(self, unet: SubjectUNet) -> int:
        check_block(unet, self.block)
        width: int = unet.config.block_out_channels[self.block]
        return width

    def frozen_encoder(self, unet: SubjectUNet) -> SubjectUNet | None:
        return unet.down_stack(self.block) if self.weights == "frozen" else None

    def forward(self, reference: Reference, unet: SubjectUNet) -> TokenFeatures:
        """Reads `reference.latents` with `reference.text_states`; stops computing at the block read.

        Raises:
            InputError: latents or text states are not filled in.
        """
        if reference.latents is None or reference.text_states is None:
            raise InputError(
                "UNetFeatures reads Reference.latents and Reference.text_states; fill both in (encode the pixels with "
                "the autoencoder, the text with the text encoder) before calling it."
            )
        # Only of the read block: the maps of the ones before it are many times larger.
        record = AttentionRecord(self_attention_of=f"down_blocks.{self.block}.") if self.record_attentions else None
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.weights == "shared"):
            features = unet(
                clean_input(reference.latents, unet.config.in_channels),
                self.timestep,
                reference.text_states,
                read_block=self.block,
                cross_attention_kwargs=None if record is None else {"record": record},
            )
        grid = (features.shape[-2], features.shape[-1])
        maps = list(record.self_attention.values()) if record else []
        return TokenFeatures(
            tokens=features.flatten(2).transpose(1, 2),
            grid=grid,
            valid=touched_cells(reference.mask, grid),
            attentions=torch.stack(maps, dim=1) if maps else None,
        )
