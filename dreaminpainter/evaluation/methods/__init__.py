"""Methods: ours, what people would use instead, and the two ends of the scale."""

from dreaminpainter.evaluation.methods.base import Method
from dreaminpainter.evaluation.methods.bounds import Collage, MeanColour, RealPicture
from dreaminpainter.evaluation.methods.ours import Ours, OursWithoutReference, OursWithoutText

__all__ = ["Collage", "MeanColour", "Method", "Ours", "OursWithoutReference", "OursWithoutText", "RealPicture"]
