"""Augmentation of references."""

from abc import ABC, abstractmethod

import torch
from kornia.geometry.transform import get_rotation_matrix2d, warp_affine
from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform


class ReferenceAugmentation(Component, nn.Module, ABC):
    """Changes a reference a little, so that it cannot be laid into the hole pixel by pixel."""

    @abstractmethod
    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Augments a batch; a sample depends on its own key alone.

        Args:
            pixels: (B, 3, S, S) in [-1, 1], subjects on white.
            mask: (B, 1, S, S) in {0, 1}, 1 on the subject.
            key: (B,) int64, the samples' keys.

        Returns:
            Pixels and mask, of the same shapes and ranges.
        """


class NoAugmentation(ReferenceAugmentation):
    """References stay as they were cut out."""

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return pixels, mask


class FlipRotate(ReferenceAugmentation):
    """Mirrors and turns, on white, as Paint-by-Example does; the paper's own augmentation is not told.

    A turned subject is made smaller by as much as its corners may need, so that no part of it is lost (our choice).

    Args:
        flip: how often the subject is mirrored left to right, 0 to 1.
        degrees: greatest angle either way, 0 to 90.

    Raises:
        SettingError: a setting is out of its range.
    """

    def __init__(self, flip: float = 0.5, degrees: float = 20.0) -> None:
        super().__init__()
        if not 0 <= flip <= 1 or not 0 <= degrees <= 90:
            raise SettingError(f"FlipRotate needs flip in 0 to 1 and degrees in 0 to 90, not {flip} and {degrees}.")
        self.flip = flip
        self.degrees = degrees

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        size = pixels.shape[-1]
        angle_B = self.degrees * (2 * uniform(key, (), "reference.angle") - 1)
        radians_B = torch.deg2rad(angle_B)
        scale_B = 1 / (radians_B.cos() + radians_B.sin().abs())
        centre = torch.full((len(key), 2), (size - 1) / 2)
        matrix_B23 = get_rotation_matrix2d(centre, angle_B, scale_B[:, None].expand(-1, 2))
        matrix_B23 = matrix_B23.to(pixels)
        mirrored = (uniform(key, (), "reference.flip") < self.flip).to(pixels.device)[:, None, None, None]
        both = torch.cat((pixels, 2 * mask - 1), dim=1)
        both = torch.where(mirrored, both.flip(3), both)
        both = warp_affine(
            both, matrix_B23, (size, size), padding_mode="fill", fill_value=both.new_tensor([1, 1, 1, -1])
        )
        return both[:, :3].clamp(-1.0, 1.0), (both[:, 3:] >= 0).to(mask.dtype)
