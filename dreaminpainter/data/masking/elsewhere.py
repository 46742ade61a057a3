"""Holes beside the object."""

from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.draws import key_of_its_own, some_ones
from dreaminpainter.data.masking.base import MaskGenerator
from dreaminpainter.data.masking.morphology import move, ones_in_boxes


class ElsewhereMask(MaskGenerator):
    """The hole of another generator, moved to a random place of the picture that avoids the object.

    The hole stays whole. Its place is drawn from all where the hole's box holds none of the object; where there is no
    room for that, from those where it holds the least. It is the one generator whose hole does not contain the object.
    Holes elsewhere are our choice, to study what is learned from filling in scenery.

    Args:
        mask: makes the hole that is moved.

    Example:
        >>> import torch
        >>> from dreaminpainter.data.masking.boxes import BoxMask
        >>> object_mask = torch.zeros(1, 1, 32, 32)
        >>> object_mask[..., 4:12, 6:16] = 1
        >>> hole = ElsewhereMask(BoxMask())(object_mask, key=torch.tensor([7]))
        >>> int(hole.sum()), int((hole * object_mask).sum())
        (80, 0)
    """

    def __init__(self, mask: MaskGenerator) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        hole = self.mask(object_mask, key_of_its_own(key, "mask.moved"), step)
        boxes = boxes_of(hole)
        hidden = ones_in_boxes(object_mask, boxes[:, 2:] - boxes[:, :2])
        best = hidden == hidden.amin(dim=(2, 3), keepdim=True)
        return move(hole, some_ones(best, 1, key, "mask.place")[:, 0] - boxes[:, :2])
