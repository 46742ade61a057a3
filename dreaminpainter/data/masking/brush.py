"""Holes painted by hand."""

import math

import torch
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.draws import between, checked_shares
from dreaminpainter.data.masking.base import MaskGenerator
from dreaminpainter.data.masking.morphology import longer_sides
from dreaminpainter.data.masking.painting import paint_strokes
from dreaminpainter.errors import SettingError

_MIN_STEP, _MAX_STEP = 0.2, 0.6


class BrushMask(MaskGenerator):
    """Strokes of a round brush over the object, and the object with them.

    Each stroke is a random walk inside the object's box: it begins anywhere, goes on by 0.2 to 0.6 of the box's longer
    side at a time, turns by up to a right angle in between, and is thrown back by the box's sides. Its width reaches
    beyond them. Free-form holes of this kind are usual for inpainting; how they are drawn here, and that the object is
    always in the hole, is our choice.

    Args:
        strokes: how many strokes, 1 or more.
        steps: how many straight pieces each stroke has, 1 or more.
        min_width: least width of a stroke, as a share of the longer side of the object's box; 0 or more.
        max_width: greatest width, likewise; each stroke's is drawn between the two.

    Raises:
        SettingError: there is no stroke or step, or the widths are negative or in the wrong order.

    Example:
        >>> object_mask = torch.zeros(1, 1, 64, 64)
        >>> object_mask[..., 20:40, 20:40] = 1
        >>> hole = BrushMask()(object_mask, key=torch.tensor([7]))
        >>> bool((hole >= object_mask).all()), int(hole.sum()) > 400
        (True, True)
    """

    def __init__(self, strokes: int = 4, steps: int = 3, min_width: float = 0.15, max_width: float = 0.4) -> None:
        super().__init__()
        if strokes < 1 or steps < 1:
            raise SettingError(f"BrushMask needs 1 or more strokes and steps, not {strokes} and {steps}.")
        checked_shares("BrushMask", min_width, max_width, ("min_width", "max_width"))
        self.strokes = strokes
        self.steps = steps
        self.min_width = min_width
        self.max_width = max_width

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes = boxes_of(object_mask)
        share_BS = between(self.min_width, self.max_width, key, "mask.width", object_mask, (self.strokes,))
        width_BS = longer_sides(boxes)[:, None] * share_BS
        path_BSP2 = self._paths(boxes, key)
        painted = paint_strokes(
            path_BSP2[:, :, :-1].flatten(1, 2),
            path_BSP2[:, :, 1:].flatten(1, 2),
            (width_BS / 2).repeat_interleave(self.steps, dim=1),
            object_mask,
        )
        return torch.maximum(painted, object_mask)

    def _paths(self, boxes: Tensor, key: Tensor) -> Tensor:
        """(B, strokes, steps + 1, 2): x and y of where each stroke begins, turns and ends."""
        low = boxes[:, None, None, :2]
        extent = boxes[:, None, None, 2:] - 1 - low
        shape = (self.strokes, self.steps)
        begin = extent * between(0, 1, key, "mask.begin", boxes, (self.strokes, 1, 2))
        # The first turn is the stroke's direction.
        turn = between(-math.pi / 2, math.pi / 2, key, "mask.turn", boxes, shape)
        turn[:, :, 0] *= 2
        angle = turn.cumsum(dim=2)
        length = between(_MIN_STEP, _MAX_STEP, key, "mask.length", boxes, shape)
        length = length * longer_sides(boxes)[:, None, None]
        steps = length[..., None] * torch.stack((angle.cos(), angle.sin()), dim=3)
        walk = torch.cat((begin, begin + steps.cumsum(dim=2)), dim=2)
        return low + _thrown_back(walk, extent)


def _thrown_back(place: Tensor, extent: Tensor) -> Tensor:
    """`place` mirrored at 0 and at `extent` as often as it takes to lie between them."""
    return extent - (place.remainder((2 * extent).clamp(min=1e-6)) - extent).abs()
