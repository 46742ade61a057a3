"""Holes at several levels of precision."""

import math

import torch
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.masking.base import MaskGenerator
from dreaminpainter.data.masking.morphology import longer_sides, window_of
from dreaminpainter.data.masking.painting import fill_boxes
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import integers

_THRESHOLD = 0.1
_WEIGHT = 2048.0


class PreciseMask(MaskGenerator):
    """The outline at a level of precision, from the outline itself to the box.

    SmartBrush (Xie et al. 2023, arXiv 2212.05034) draws a level s from 0 to S for each sample and blurs the mask by a
    Gaussian of size k_s and deviation σ_s: level 0 is the outline, level S the box. All numbers, and how the blurred
    mask becomes a hole, are our choice: S is `box_level`; σ_s grows evenly with s; the hole is where the blurred mask
    exceeds 0.1, which widens a straight edge by 1.3 σ_s; the object itself is kept, and nothing leaves its box. So
    every level lies between outline and box, and coarser levels are larger, but for thin parts that a strong blur melts
    away.

    Args:
        min_level: finest level, 0 (the outline) or more.
        max_level: coarsest level, up to `box_level`; levels are drawn from `min_level` to `max_level` alike.
        box_level: the level that is the box, 1 or more.
        spread: the deviation that level `box_level` would have, as a share of the longer side of the object's box;
            more than 0.

    Raises:
        SettingError: the levels are in the wrong order, or the spread is not positive.

    Example:
        >>> object_mask = torch.zeros(1, 1, 32, 32)
        >>> object_mask[0, 0, 4:28, 4:8] = object_mask[0, 0, 24:28, 4:28] = 1
        >>> [int(PreciseMask(level, level)(object_mask, key=torch.tensor([7])).sum()) for level in (0, 2, 4, 6)]
        [176, 215, 253, 576]
    """

    def __init__(self, min_level: int = 0, max_level: int = 6, box_level: int = 6, spread: float = 0.1) -> None:
        super().__init__()
        if not 0 <= min_level <= max_level <= box_level or box_level < 1 or spread <= 0:
            raise SettingError(
                "PreciseMask needs 0 <= min_level <= max_level <= box_level, a box_level of 1 or more and a spread "
                f"above 0, not {min_level}, {max_level}, {box_level} and {spread}."
            )
        self.min_level = min_level
        self.max_level = max_level
        self.box_level = box_level
        self.spread = spread

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes = boxes_of(object_mask)
        box = fill_boxes(boxes, object_mask)
        level_B = integers(key, self.min_level, self.max_level + 1, (), "mask.level").to(object_mask.device)
        deviation_B = longer_sides(boxes) * (self.spread / self.box_level * level_B)
        # Only what all boxes together span is blurred: nothing outside counts, and the cost falls with the cube.
        window = window_of(boxes)
        outline = object_mask.clone()
        outline[window] = torch.maximum(outline[window], _blurred(outline[window], deviation_B) * box[window])
        return torch.where((level_B == self.box_level)[:, None, None, None], box, outline)


def _blurred(mask: Tensor, deviation_B: Tensor) -> Tensor:
    """Ones where the blurred mask exceeds the threshold; outside of the picture there is nothing.

    The Gaussian's weights are whole numbers, small enough for every sum to be exact in float32. So the outcome is the
    same in whatever order, batch and machine they are summed. Weights below half of one are 0, which ends the kernel.
    """
    down_BHH, total_y_B = _gaussian(deviation_B, mask.shape[2])
    across_BWW, total_x_B = _gaussian(deviation_B, mask.shape[3])
    blurred_BHW = down_BHH @ (mask[:, 0].float() @ across_BWW)
    limit_B = _THRESHOLD * (total_y_B * total_x_B)
    return (blurred_BHW > limit_B[:, None, None])[:, None].to(mask.dtype)


def _gaussian(deviation_B: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(B, size, size) weights of every place for every other along one axis, and their sum (B,) far from the ends."""
    reach = max(size, math.ceil(5 * float(deviation_B.max())) + 1)  # weights end nearer than that
    place = torch.arange(1 - reach, reach, device=deviation_B.device)
    deviation_B1 = deviation_B[:, None].clamp(min=1e-3)
    bell_Bn = torch.exp(-0.5 * (place / deviation_B1) ** 2)
    weights_Bn = (_WEIGHT / (2.5 * deviation_B1).clamp(min=1) * bell_Bn).round()
    near_Bn = weights_Bn[:, reach - size : reach + size - 1]
    return near_Bn.unfold(1, size, 1).flip(1), weights_Bn.sum(dim=1)
