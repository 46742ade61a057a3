"""Components from outside dreaminpainter: a class each, and nothing in dreaminpainter is edited."""

from novel_components.schedules import Steps
from novel_components.selectors import FarthestPoints
from novel_components.similarities import DotProduct, EuclideanDistance, MostTypical
from novel_components.variants import OthersOnly, RowSums, Tempered

__all__ = [
    "DotProduct",
    "EuclideanDistance",
    "FarthestPoints",
    "MostTypical",
    "OthersOnly",
    "RowSums",
    "Steps",
    "Tempered",
]
