"""Stable Diffusion's UNet with one more way to be called: up to a block of its down stack (eq. 2)."""

from typing import Any

import torch
from diffusers import CacheMixin, ModelMixin, UNet2DConditionModel  # noqa: F401  diffusers looks for ModelMixin where it finds a class
from torch import Tensor, nn

from dreaminpainter.errors import SettingError


class SubjectUNet(UNet2DConditionModel, CacheMixin):
    """`UNet2DConditionModel` whose `forward` can stop at a down block and return what it holds there.

    Weights, config and every other behaviour are the stock class's, so either class loads what the other saved. The
    read goes through `forward` because hooks (offloading, sharding, compilation) hang on it. Caches of diffusers that
    work on attention layers can be enabled, as they can be on transformers.

    Example:
        >>> unet = SubjectUNet(block_out_channels=(32, 64), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        ...     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32, attention_head_dim=8)
        >>> unet(torch.zeros(1, 4, 16, 16), 0, torch.zeros(1, 7, 32), read_block=1).shape
        torch.Size([1, 64, 8, 8])
    """

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        encoder_hidden_states: Tensor,
        *args: Any,
        read_block: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """The stock forward, or the features at `read_block`.

        Args:
            sample: (B, in_channels, h, w).
            timestep: (B,) or one number.
            encoder_hidden_states: (B, T, D) text states.
            args: further arguments of the stock forward.
            read_block: index of the down block to read; None runs the whole UNet.
            kwargs: further arguments of the stock forward; a read takes `cross_attention_kwargs` alone.

        Returns:
            The stock output, or with `read_block` the (B, C, h', w') features after the last layer of that block,
            before its downsampler.
        """
        if read_block is None:
            return super().forward(sample, timestep, encoder_hidden_states, *args, **kwargs)
        return self._read(sample, timestep, encoder_hidden_states, read_block, **kwargs)

    def _read(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        encoder_hidden_states: Tensor,
        read_block: int,
        cross_attention_kwargs: dict[str, Any] | None = None,
    ) -> Tensor:
        check_block(self, read_block)
        embedding = self.time_embedding(self.get_time_embed(sample=sample, timestep=timestep))
        hidden = self.conv_in(sample)
        for block in self.down_blocks[: read_block + 1]:
            if getattr(block, "has_cross_attention", False):
                hidden, layers = block(
                    hidden_states=hidden,
                    temb=embedding,
                    encoder_hidden_states=encoder_hidden_states,
                    cross_attention_kwargs=cross_attention_kwargs,
                )
            else:
                hidden, layers = block(hidden_states=hidden, temb=embedding)
        # A block's last entry is its downsampler's output, where it has one.
        features: Tensor = layers[len(block.resnets) - 1]
        return features

    def forget(self) -> None:
        """Drops what a cache of diffusers, `enable_cache`, keeps from one step to the next."""
        if self.is_cache_enabled:
            self._reset_stateful_cache()

    def set_attention_slice(self, slice_size: str | int | list[int] | None = "auto") -> None:
        """Tells our processors how many heads to compute at a time; the stock method would replace them."""
        for processor in self.attn_processors.values():
            processor.slice_size = slice_size

    def down_stack(self, last_block: int) -> "SubjectUNet":
        """A frozen copy of what a read up to `last_block` computes with, and nothing else."""
        check_block(self, last_block)
        kept = {"conv_in", "time_proj", "time_embedding", "down_blocks"}
        stack: SubjectUNet = type(self).from_config(self.config)
        for name in [name for name, _ in stack.named_children() if name not in kept]:
            setattr(stack, name, None)
        stack.down_blocks = stack.down_blocks[: last_block + 1]
        weights = self.state_dict()
        stack.load_state_dict({name: weights[name] for name in stack.state_dict()})
        stack.requires_grad_(False).eval()
        return stack


def check_block(unet: UNet2DConditionModel, block: int) -> None:
    """Raises a SettingError where `unet` has no down block `block`."""
    count = len(unet.config.down_block_types)
    if not 0 <= block < count:
        raise SettingError(f"block={block} cannot be read; the UNet has down blocks 0 to {count - 1}. Choose one.")


def adopt(unet: UNet2DConditionModel) -> SubjectUNet:
    """The same UNet, able to be read: a stock instance changes its class in place."""
    if not isinstance(unet, SubjectUNet):
        unet.__class__ = SubjectUNet
    adopted: SubjectUNet = unet
    return adopted


def widen(unet: UNet2DConditionModel, in_channels: int) -> None:
    """Gives `unet` more input channels in place. The new weights are zero, so its outputs do not change.

    Args:
        unet: the UNet.
        in_channels: how many channels it shall take.

    Raises:
        SettingError: it already takes more than that.
    """
    old = unet.conv_in
    if in_channels < old.in_channels:
        raise SettingError(
            f"The UNet takes {old.in_channels} input channels, more than the {in_channels} of the input form. Use the "
            "form it was trained with: Composite for 5 channels, NineChannel for 9."
        )
    if in_channels == old.in_channels:
        return
    new = nn.Conv2d(in_channels, old.out_channels, old.kernel_size, padding=old.padding).to(old.weight)
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.in_channels] = old.weight
        if new.bias is not None:
            new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=in_channels)
