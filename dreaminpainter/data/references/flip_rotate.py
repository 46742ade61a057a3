"""Mirrored and turned references."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.data.references.base import ReferenceAugmentation
from dreaminpainter.data.references.moving import move
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform


class FlipRotate(ReferenceAugmentation):
    """Mirrors and turns, as Paint-by-Example does; the paper's own augmentation is not told.

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
        radians_B = torch.deg2rad(self.degrees * (2 * uniform(key, (), "reference.angle") - 1))
        mirrored_B = uniform(key, (), "reference.flip") < self.flip
        cos_B, sin_B, zero_B = radians_B.cos(), radians_B.sin(), torch.zeros(len(key))
        # Where each place of the square is looked up: turned back and made larger, then mirrored.
        rows_B23 = torch.stack((cos_B, sin_B, zero_B, -sin_B, cos_B, zero_B), dim=1).view(-1, 2, 3)
        rows_B23 = rows_B23 * (cos_B + sin_B.abs())[:, None, None]
        rows_B23[mirrored_B, 0] *= -1
        grid_BHW2 = F.affine_grid(rows_B23.to(pixels), list(mask.shape), align_corners=False)
        return move(pixels, mask, lambda both: F.grid_sample(both, grid_BHW2, align_corners=False))
