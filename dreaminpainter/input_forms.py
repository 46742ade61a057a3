"""How noisy latents, mask and scene are laid before the UNet: two forms, each trained and sampled."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from dreaminpainter.components import Component
from dreaminpainter.diffusion import compose_inside


class InputForm(Component, ABC):
    """Lays out the UNet's input channels: the latents, a mask and, in some forms, the scene beside them.

    A form gives C + 1 or 2 C + 1 channels; from their number `clean_input` tells what a reference encoder is given.
    """

    blank_hole: bool = False
    """Whether the scene is encoded with its hole blanked, so that nothing of the old content leaks around it."""

    @abstractmethod
    def channels(self, latent_channels: int) -> int:
        """How many input channels the UNet takes."""

    @abstractmethod
    def compose(self, noisy: Tensor, mask: Tensor, context: Tensor) -> Tensor:
        """The UNet's input.

        Args:
            noisy: (B, C, h, w), noisy latents, **after** the scheduler's `scale_model_input`.
            mask: (B, 1, h, w) in {0, 1}, the hole.
            context: (B, C, h, w), clean latents of the scene.

        Returns:
            (B, channels(C), h, w).
        """


class Composite(InputForm):
    """Noise in the hole, the clean scene around it, and the mask as one more channel (SmartBrush's way; the default).

    Args:
        blank_hole: encode the scene with its hole blanked. Latents around the hole can carry what it held.
    """

    def __init__(self, blank_hole: bool = False) -> None:
        self.blank_hole = blank_hole

    def channels(self, latent_channels: int) -> int:
        return latent_channels + 1

    def compose(self, noisy: Tensor, mask: Tensor, context: Tensor) -> Tensor:
        return torch.cat([compose_inside(noisy, context, mask), mask], dim=1)


class NineChannel(InputForm):
    """Noisy latents, mask and the blanked scene's latents side by side, as Stable Diffusion inpainting takes them."""

    blank_hole = True

    def channels(self, latent_channels: int) -> int:
        return 2 * latent_channels + 1

    def compose(self, noisy: Tensor, mask: Tensor, context: Tensor) -> Tensor:
        return torch.cat([noisy, mask, context], dim=1)


def clean_input(latents: Tensor, in_channels: int) -> Tensor:
    """The input of a UNet that is to see a clean picture with nothing to fill: what a reference encoder reads.

    Args:
        latents: (B, C, h, w).
        in_channels: of the UNet: C (stock), C + 1 (composite) or 2 C + 1 (nine-channel).

    Returns:
        (B, in_channels, h, w): the latents, then mask 0, then the latents again where the form has a scene.
    """
    empty = torch.zeros_like(latents[:, :1])
    return torch.cat([latents, empty, latents], dim=1)[:, :in_channels]
