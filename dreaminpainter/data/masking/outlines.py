"""Holes of the object's own form."""

from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.draws import between, checked_shares
from dreaminpainter.data.masking.base import MaskGenerator
from dreaminpainter.data.masking.morphology import dilate, longer_sides


class ExactMask(MaskGenerator):
    """The object's own outline."""

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes_of(object_mask)  # refuses an empty object
        return object_mask.clone()


class DilatedMask(MaskGenerator):
    """The outline, widened by a disk.

    Args:
        min_share: least radius of the disk, as a share of the longer side of the object's box; 0 or more.
        max_share: greatest radius, likewise; the radius is drawn between the two.

    Raises:
        SettingError: the shares are negative or in the wrong order.
    """

    def __init__(self, min_share: float = 0.02, max_share: float = 0.15) -> None:
        super().__init__()
        checked_shares("DilatedMask", min_share, max_share)
        self.min_share = min_share
        self.max_share = max_share

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        share = between(self.min_share, self.max_share, key, "mask.radius", object_mask)
        return dilate(object_mask, longer_sides(boxes_of(object_mask)) * share)
