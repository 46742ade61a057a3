"""What every augmentation of references is."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from dreaminpainter.components import Component


class ReferenceAugmentation(Component, nn.Module, ABC):
    """Changes a reference a little, so that it cannot be laid into the hole pixel by pixel.

    Which augmentation DreamInpainter was trained with is not told. Paint-by-Example flips, turns by up to 20 degrees,
    blurs and warps elastically; the rest, and every range, is our choice.
    """

    @abstractmethod
    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Augments a batch; a sample depends on its own key alone.

        No part of the subject leaves the square, its mask never becomes empty, and white around it stays white.

        Args:
            pixels: (B, 3, S, S) in [-1, 1], subjects on white or another background.
            mask: (B, 1, S, S) in {0, 1}, 1 on the subject.
            key: (B,) int64, the samples' keys.

        Returns:
            Pixels and mask, of the same shapes and ranges.
        """


class NoAugmentation(ReferenceAugmentation):
    """References stay as they were cut out."""

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return pixels, mask
