"""What every metric is: figures of single fills, and their means over all fills and processes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from dreaminpainter.components import Component
from dreaminpainter.evaluation.encoders import ImageEncoder
from dreaminpainter.evaluation.samples import Sample, resized, square_around


@dataclass(frozen=True)
class Column:
    """One figure of a fill.

    Args:
        name: as the tables call it, such as "CLIP-T"; unique in an evaluation.
        better: which way is better; "" where neither is, as for a share of attention.
        digits: how many after the point.
    """

    name: str
    better: Literal["higher", "lower", ""] = "higher"
    digits: int = 3


class SampleMetric(Component, Metric, ABC):
    """Judges fills one by one; a `torchmetrics.Metric`, whose `compute` is the mean over the fills of all processes.

    Figures that a fill does not have, such as an edit's of a case that is none, are NaN, and no part of the mean.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        for place, _ in enumerate(self.columns):
            self.add_state(f"values_{place}", default=[], dist_reduce_fx="cat")

    @property
    @abstractmethod
    def columns(self) -> list[Column]:
        """Its figures."""

    @abstractmethod
    def score(self, samples: list[Sample]) -> Tensor:
        """(n, columns) float32 on the host.

        Args:
            samples: all fills of one or more cases.
        """

    def encoders(self) -> list[ImageEncoder]:
        """What it looks at pictures with; figures of different encoders do not compare."""
        return []

    def update(self, samples: list[Sample]) -> None:
        """Adds the figures of some fills."""
        for place, values in enumerate(self.score(samples).unbind(1)):
            getattr(self, f"values_{place}").append(values.to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """The mean of each figure, by the column's name."""
        values = [dim_zero_cat(getattr(self, f"values_{place}")) for place, _ in enumerate(self.columns)]
        return {column.name: value.nanmean() for column, value in zip(self.columns, values, strict=True)}


@dataclass(frozen=True)
class Crop(Component):
    """Which part of a fill is looked at, and at what resolution. Figures of different crops do not compare.

    Args:
        margin: around the hole's longer side on each side, as a share of it; the part is a square, moved into the
            picture, and no larger than that.
        resolution: side in pixels that the part is brought to before an encoder resizes it to its own.
    """

    margin: float = 0.0
    resolution: int = 224

    def of(self, picture: Tensor, mask: Tensor) -> Tensor:
        """(3, resolution, resolution) of a picture (3, H, W) in [0, 1] with the hole `mask` (1, H, W)."""
        left, top, right, bottom = square_around(mask, self.margin)
        return resized(picture[:, top:bottom, left:right], self.resolution)

    def hole_of(self, picture: Tensor, mask: Tensor) -> Tensor:
        """The same, white outside the hole."""
        return self.of(torch.lerp(torch.ones_like(picture), picture, mask), mask)

    def whole(self, picture: Tensor) -> Tensor:
        """All of a picture (3, h, w) at the same resolution, padded with white to a square."""
        return resized(picture, self.resolution)
