"""Which of the reference's tokens stand for the subject (eq. 3-4), and the alternatives to that choice."""

from dreaminpainter.selection.base import TokenSelector, gather
from dreaminpainter.selection.cosine import CosineDistance
from dreaminpainter.selection.everything import AllTokens
from dreaminpainter.selection.random import RandomTokens
from dreaminpainter.selection.rollout import AttentionRollout
from dreaminpainter.selection.varied import VariedSelection

__all__ = [
    "AllTokens",
    "AttentionRollout",
    "CosineDistance",
    "RandomTokens",
    "TokenSelector",
    "VariedSelection",
    "gather",
]
