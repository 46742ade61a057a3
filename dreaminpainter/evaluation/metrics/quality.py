"""Do the fills look like real pictures, taken together?"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from dreaminpainter.components import Component
from dreaminpainter.evaluation.encoders import ImageEncoder, ProbeEncoder
from dreaminpainter.evaluation.metrics.base import Crop
from dreaminpainter.evaluation.statistics import Interval


class SetMetric(Component, ABC):
    """Judges all fills at once, against real pictures.

    Args:
        encoder: what embeds; a distance is one of this encoder's features, and compares with none of another's.
        crop: which part of fills and real pictures.
    """

    def __init__(self, encoder: ImageEncoder | None = None, crop: Crop | None = None) -> None:
        self.encoder = encoder or ProbeEncoder()
        self.crop = crop or Crop()

    @property
    @abstractmethod
    def name(self) -> str:
        """As the tables call it."""

    @abstractmethod
    def distance(self, fills: Tensor, real: Tensor) -> float:
        """Between embeddings (n, D) and (m, D); by torchmetrics."""

    def measure(self, fills: Tensor, real: Tensor, draws: int = 40) -> Interval:
        """The distance, and its range when cases are drawn anew with return, and the fills of each case too.

        Embeddings that are drawn twice make a set look narrower than it is, so that means of drawn sets lie above the
        distance itself; the range is moved back by how much.

        Args:
            fills: (n * s, D), the s fills of each case together.
            real: (n, D), of the same cases in the same order.
            draws: how many times they are drawn.
        """
        generator = torch.Generator().manual_seed(0)
        found = self.distance(fills, real)
        count, seeds = len(real), len(fills) // len(real)

        def again() -> float:
            cases = torch.randint(count, (count,), generator=generator)
            within = torch.randint(seeds, (count, seeds), generator=generator)
            return self.distance(fills[(cases[:, None] * seeds + within).flatten()], real[cases])

        drawn = torch.tensor([again() for _ in range(draws)], dtype=torch.float64)
        low, high = (drawn - drawn.mean() + found).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
        return Interval(found, low, high)


class FID(SetMetric):
    """Fréchet distance (Heusel et al. 2017) of the embeddings, by torchmetrics; biased for few pictures, so state n."""

    @property
    def name(self) -> str:
        return f"FID ({self.encoder.label})"

    def distance(self, fills: Tensor, real: Tensor) -> float:
        return _compute(FrechetInceptionDistance(feature=_Embedded(fills.shape[1])), fills, real)


class KID(SetMetric):
    """Kernel distance (Bińkowski et al. 2018) of the embeddings, by torchmetrics; unbiased for few pictures."""

    @property
    def name(self) -> str:
        return f"KID ({self.encoder.label})"

    def distance(self, fills: Tensor, real: Tensor) -> float:
        size = min(len(fills), len(real), 100)
        metric = KernelInceptionDistance(feature=_Embedded(fills.shape[1]), subsets=20, subset_size=size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _compute(metric, fills, real)


class _Embedded(nn.Module):
    """Stands where torchmetrics has Inception: the pictures are embeddings already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, embeddings: Tensor) -> Tensor:
        return embeddings


def _compute(metric: Any, fills: Tensor, real: Tensor) -> float:
    metric.update(real, real=True)
    metric.update(fills, real=False)
    found = metric.compute()
    return float(found[0] if isinstance(found, tuple) else found)
