"""Holes made from the outline of an object, from exact to loose.

SmartBrush trains on masks of several precisions, from the exact outline to the box. DreamInpainter's own are not told,
so every range here is our choice.

Example:
    >>> import torch
    >>> object_mask = torch.zeros(1, 1, 8, 8)
    >>> object_mask[..., 2:4, 3:6] = 1
    >>> int(BoxMask()(object_mask, key=torch.tensor([7])).sum())
    6
"""

from dreaminpainter.data.masking.base import MaskGenerator
from dreaminpainter.data.masking.boxes import BoxMask, ExpandedBoxMask, LooseBoxMask
from dreaminpainter.data.masking.brush import BrushMask
from dreaminpainter.data.masking.elsewhere import ElsewhereMask
from dreaminpainter.data.masking.hull import ConvexHullMask
from dreaminpainter.data.masking.mixtures import MixtureMask, ScheduledMask
from dreaminpainter.data.masking.outlines import DilatedMask, ExactMask
from dreaminpainter.data.masking.precision import PreciseMask

__all__ = [
    "BoxMask",
    "BrushMask",
    "ConvexHullMask",
    "DilatedMask",
    "ElsewhereMask",
    "ExactMask",
    "ExpandedBoxMask",
    "LooseBoxMask",
    "MaskGenerator",
    "MixtureMask",
    "PreciseMask",
    "ScheduledMask",
]
