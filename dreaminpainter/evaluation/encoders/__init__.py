"""Encoders: what puts pictures and texts into a space where they can be compared."""

from dreaminpainter.evaluation.encoders.base import ImageEncoder, TextImageEncoder
from dreaminpainter.evaluation.encoders.probes import ProbeEncoder
from dreaminpainter.evaluation.encoders.transformers import CLIPEncoder, DINOEncoder

__all__ = ["CLIPEncoder", "DINOEncoder", "ImageEncoder", "ProbeEncoder", "TextImageEncoder"]
