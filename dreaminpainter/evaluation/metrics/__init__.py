"""Metrics: identity, text, background, copying, attributes, quality."""

from dreaminpainter.evaluation.metrics.attributes import Attributes
from dreaminpainter.evaluation.metrics.background import Background, Seam
from dreaminpainter.evaluation.metrics.base import Column, Crop, SampleMetric
from dreaminpainter.evaluation.metrics.copying import Diversity, OutlineCopy
from dreaminpainter.evaluation.metrics.identity import Identity
from dreaminpainter.evaluation.metrics.quality import FID, KID, SetMetric
from dreaminpainter.evaluation.metrics.text import EditDirection, TextAlignment

__all__ = [
    "FID",
    "KID",
    "Attributes",
    "Background",
    "Column",
    "Crop",
    "Diversity",
    "EditDirection",
    "Identity",
    "OutlineCopy",
    "SampleMetric",
    "Seam",
    "SetMetric",
    "TextAlignment",
]
