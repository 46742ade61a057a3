"""Sources of segmented pictures."""

from dreaminpainter.data.sources.base import Caption, Instance, LeftOut, SegmentationSource
from dreaminpainter.data.sources.coco import CocoSource, LvisSource
from dreaminpainter.data.sources.critters import CrittersSource
from dreaminpainter.data.sources.filter import ObjectFilter

__all__ = [
    "Caption",
    "CocoSource",
    "CrittersSource",
    "Instance",
    "LeftOut",
    "LvisSource",
    "ObjectFilter",
    "SegmentationSource",
]
