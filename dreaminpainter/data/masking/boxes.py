"""Holes that are boxes."""

import math

import torch
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.draws import between, checked_shares
from dreaminpainter.data.masking.base import MaskGenerator
from dreaminpainter.data.masking.morphology import longer_sides
from dreaminpainter.data.masking.painting import fill_boxes
from dreaminpainter.errors import SettingError


class BoxMask(MaskGenerator):
    """The object's box."""

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        return fill_boxes(boxes_of(object_mask), object_mask)


class ExpandedBoxMask(MaskGenerator):
    """The object's box with the same margin on every side, clipped to the picture.

    It tells where the object's middle is and how large it is; `LooseBoxMask` tells neither.

    Args:
        min_share: least margin, as a share of the longer side of the object's box; 0 or more.
        max_share: greatest margin, likewise; the margin is drawn between the two, and is fixed where they are equal.

    Raises:
        SettingError: the shares are negative or in the wrong order.

    Example:
        >>> object_mask = torch.zeros(1, 1, 32, 32)
        >>> object_mask[..., 10:20, 12:22] = 1
        >>> boxes_of(ExpandedBoxMask(0.2, 0.2)(object_mask, key=torch.tensor([7]))).tolist()
        [[10, 8, 24, 22]]
    """

    def __init__(self, min_share: float = 0.1, max_share: float = 0.1) -> None:
        super().__init__()
        checked_shares("ExpandedBoxMask", min_share, max_share)
        self.min_share = min_share
        self.max_share = max_share

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes = boxes_of(object_mask)
        share = between(self.min_share, self.max_share, key, "mask.margin", object_mask)
        margin_B1 = (longer_sides(boxes) * share).round()[:, None]
        return fill_boxes(torch.cat((boxes[:, :2] - margin_B1, boxes[:, 2:] + margin_B1), dim=1), object_mask)


class LooseBoxMask(MaskGenerator):
    """A box around the object's box, of random size, aspect and place, clipped to the picture.

    It tells neither the object's outline nor its extent.

    Args:
        min_scale: least factor on the sides of the object's box; 1 or more.
        max_scale: greatest factor, likewise.
        max_aspect: by how much the ratio of the sides may change either way; 1 keeps it. A side that would end up
            shorter than the object's own is kept at the object's.

    Raises:
        SettingError: the scales are below 1 or in the wrong order, or the aspect is below 1.
    """

    def __init__(self, min_scale: float = 1.2, max_scale: float = 1.8, max_aspect: float = 1.5) -> None:
        super().__init__()
        if not 1 <= min_scale <= max_scale or max_aspect < 1:
            raise SettingError(
                "LooseBoxMask needs 1 <= min_scale <= max_scale and max_aspect >= 1, "
                f"not {min_scale}, {max_scale} and {max_aspect}."
            )
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.max_aspect = max_aspect

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes = boxes_of(object_mask)
        starts, ends = boxes[:, :2], boxes[:, 2:]
        scale = between(self.min_scale, self.max_scale, key, "mask.scale", object_mask)
        log_aspect = math.log(self.max_aspect) * between(-1, 1, key, "mask.aspect", object_mask)
        stretch = torch.stack((log_aspect / 2, -log_aspect / 2), dim=1).exp()
        slack = ((ends - starts) * (scale[:, None] * stretch - 1)).clamp(min=0)
        before = slack * between(0, 1, key, "mask.shift", object_mask, (2,))
        loose = torch.cat(((starts - before).floor(), (ends + slack - before).ceil()), dim=1)
        return fill_boxes(loose, object_mask)
