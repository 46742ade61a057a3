"""Components from outside dreaminpainter: a class each, and nothing in dreaminpainter is edited."""

from novel_components.schedules import Steps
from novel_components.selectors import FarthestPoints

__all__ = ["FarthestPoints", "Steps"]
