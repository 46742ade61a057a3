"""References bent as if drawn on rubber."""

import torch
import torch.nn.functional as F
from kornia.geometry.transform import remap
from torch import Tensor

from dreaminpainter.data.references.base import ReferenceAugmentation
from dreaminpainter.data.references.moving import move
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform

_GREATEST_BEND = 0.12
"""Strength times knots and one a side, up to which no part of the picture can fold over another."""


class Elastic(ReferenceAugmentation):
    """Bends the subject smoothly: a coarse grid of knots is shifted at random, with bicubic interpolation between them.

    Paint-by-Example warps its references elastically. The coarse grid is that of U-Net (Ronneberger et al. 2015,
    section 3.1); here it is finer, its shifts are bounded so that nothing folds, and the border of the square stays
    where it is so that no part of the subject is lost (our choice).

    Args:
        strength: greatest shift of a knot along either axis, as a share of the square's side; 0 or more.
        knots: how many knots a side are shifted; 1 or more.

    Raises:
        SettingError: a setting is out of its range, or both together would fold the picture.
    """

    def __init__(self, strength: float = 0.02, knots: int = 4) -> None:
        super().__init__()
        if knots < 1 or not 0 <= strength * (knots + 1) <= _GREATEST_BEND:
            raise SettingError(
                f"Elastic needs knots of 1 or more and a strength from 0 to {_GREATEST_BEND} / (knots + 1), beyond "
                f"which the picture folds; not {knots} and {strength}."
            )
        self.strength = strength
        self.knots = knots

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        size = pixels.shape[-1]
        knots = 2 * uniform(key, (2, self.knots, self.knots), "reference.knots") - 1
        coarse = F.pad(knots * self.strength * (size - 1), (1, 1, 1, 1)).to(pixels)
        shift_B2SS = F.interpolate(coarse, (size, size), mode="bicubic", align_corners=True)
        place_S = torch.arange(size, dtype=pixels.dtype, device=pixels.device)
        x_BSS, y_BSS = place_S + shift_B2SS[:, 0], place_S[:, None] + shift_B2SS[:, 1]
        return move(pixels, mask, lambda both: remap(both, x_BSS, y_BSS, align_corners=True))
