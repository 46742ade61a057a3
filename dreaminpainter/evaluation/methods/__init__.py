"""Methods: ours, what people would use instead, and the two ends of the scale."""

from dreaminpainter.evaluation.methods.base import Method
from dreaminpainter.evaluation.methods.bounds import Collage, MeanColour, RealPicture
from dreaminpainter.evaluation.methods.ip_adapter import IPAdapterInpainting
from dreaminpainter.evaluation.methods.ours import Ours, OursWithoutReference, OursWithoutText
from dreaminpainter.evaluation.methods.paint_by_example import PaintByExample
from dreaminpainter.evaluation.methods.text_only import TextOnlyInpainting

__all__ = [
    "Collage",
    "IPAdapterInpainting",
    "MeanColour",
    "Method",
    "Ours",
    "OursWithoutReference",
    "OursWithoutText",
    "PaintByExample",
    "RealPicture",
    "TextOnlyInpainting",
]
