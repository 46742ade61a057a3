"""Sources of segmented pictures."""

from dreaminpainter.data.sources.base import Caption, Instance, LeftOut, SegmentationSource
from dreaminpainter.data.sources.coco import CocoSource, LvisSource
from dreaminpainter.data.sources.critters import CrittersSource
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.folder import FolderSource
from dreaminpainter.data.sources.openimages import OpenImagesSource
from dreaminpainter.data.sources.unlabelled import UnlabelledSource
from dreaminpainter.data.sources.voc import VocSource

__all__ = [
    "Caption",
    "CocoSource",
    "CrittersSource",
    "FolderSource",
    "Instance",
    "LeftOut",
    "LvisSource",
    "ObjectFilter",
    "OpenImagesSource",
    "SegmentationSource",
    "UnlabelledSource",
    "VocSource",
]
