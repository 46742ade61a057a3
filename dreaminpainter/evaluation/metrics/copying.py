"""Is the reference pasted rather than understood?"""

from collections import defaultdict
from itertools import combinations

import torch
import torch.nn.functional as F
from kornia.filters import sobel
from torch import Tensor

from dreaminpainter.evaluation.metrics.base import Column, SampleMetric
from dreaminpainter.evaluation.samples import Sample, on_white, resized


class Diversity(SampleMetric):
    """How much fills of one case differ from seed to seed.

    The mean absolute difference in the hole, 0 to 255, of all pairs; NaN where a case was filled once. Pasting has
    none, and noise the most: more is better only among fills that are as good.
    """

    @property
    def columns(self) -> list[Column]:
        return [Column("diversity", digits=1)]

    def score(self, samples: list[Sample]) -> Tensor:
        groups: defaultdict[str, list[Sample]] = defaultdict(list)
        for one in samples:
            groups[one.case.id].append(one)
        found = {id: _spread(fills) for id, fills in groups.items()}
        return torch.tensor([[found[one.case.id]] for one in samples])


class OutlineCopy(SampleMetric):
    """How much better the reference's outlines fit into the fill than another subject's do.

    Edges (Sobel, by kornia) of what lies in the hole, and of the cut-out at several sizes; the greatest normalised
    cross-correlation over all sizes and places, less that of the cut-out of an unrelated case. High where the reference
    was pasted, about 0 where pose and shape are the fill's own; NaN where all cases are of one subject. Our own measure
    of what the paper's Fig. 3 shows.

    Args:
        resolution: side in pixels of the hole's box when edges are compared.
        smallest: the cut-out's least size there, as a share of the hole's.
    """

    def __init__(self, resolution: int = 64, smallest: float = 0.4) -> None:
        self.resolution = resolution
        self.smallest = smallest
        super().__init__()

    @property
    def columns(self) -> list[Column]:
        return [Column("outline copy", "lower")]

    def score(self, samples: list[Sample]) -> Tensor:
        return torch.tensor([[self._of(one)] for one in samples])

    def _of(self, one: Sample) -> float:
        if torch.equal(one.cut_out, one.unrelated):
            return float("nan")
        return self._fit(one, one.cut_out) - self._fit(one, one.unrelated)

    def _fit(self, one: Sample, subject: Tensor) -> float:
        filled = _edges(on_white(one.fill, one.mask), self.resolution)
        sizes = [*range(round(self.smallest * self.resolution), self.resolution, 4), self.resolution]
        return max(float(correlations(filled, _edges(subject, size)).max()) for size in sizes)


def _spread(fills: list[Sample]) -> float:
    if len(fills) < 2:
        return float("nan")
    hole = fills[0].mask[0] > 0.5
    pairs = [(one.fill - other.fill)[:, hole].abs().mean() for one, other in combinations(fills, 2)]
    return float(torch.stack(pairs).mean()) * 255


def _edges(picture: Tensor, size: int) -> Tensor:
    edges: Tensor = sobel(resized(picture, size)[None])[0].mean(0)
    return edges


def correlations(picture: Tensor, part: Tensor) -> Tensor:
    """The normalised cross-correlation, -1 to 1, of (h, w) with (H, W) at every place where it lies within.

    Example:
        >>> picture = torch.rand(8, 8)
        >>> correlations(picture, picture[2:6, 3:7]).argmax()  # row 2, column 3 of 5 x 5
        tensor(13)
    """
    part = part - part.mean()
    count = part.numel()
    windows = F.unfold(picture[None, None], tuple(part.shape))[0]
    deviations = (windows - windows.mean(0)).square().sum(0).sqrt()
    height, width = (whole - own + 1 for whole, own in zip(picture.shape, part.shape, strict=True))
    least = 1e-4 * count**0.5
    found: Tensor = (part.flatten() @ windows) / (deviations.clamp_min(least) * part.norm().clamp_min(least))
    return found.view(height, width)
