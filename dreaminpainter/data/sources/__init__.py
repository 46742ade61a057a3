"""Sources of segmented pictures."""

from dreaminpainter.data.sources.base import Instance, SegmentationSource
from dreaminpainter.data.sources.coco import CocoSource
from dreaminpainter.data.sources.critters import CrittersSource

__all__ = ["CocoSource", "CrittersSource", "Instance", "SegmentationSource"]
