"""Components from outside dreaminpainter: a class each, and nothing in dreaminpainter is edited."""

from novel_components.schedules import Steps
from novel_components.selectors import FarthestPoints
from novel_components.similarities import DotProduct, EuclideanDistance, MostTypical

__all__ = ["DotProduct", "EuclideanDistance", "FarthestPoints", "MostTypical", "Steps"]
