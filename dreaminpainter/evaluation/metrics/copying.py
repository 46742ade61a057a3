"""Is the reference pasted rather than understood?"""

from collections import defaultdict
from itertools import combinations

import torch
from kornia.filters import sobel
from torch import Tensor

from dreaminpainter.evaluation.metrics.base import Column, SampleMetric
from dreaminpainter.evaluation.samples import Sample, on_white, resized


class Diversity(SampleMetric):
    """How much fills of one case differ from seed to seed.

    The mean absolute difference in the hole, 0 to 255, of all pairs; NaN where a case was filled once. A collage
    has none.
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
    """How much more the fill's outlines lie on the reference's than on another subject's.

    Edges (Sobel, by kornia) of what lies in the hole and of the cut-out, both brought to one size; their correlation,
    less that with the cut-out of an unrelated case. Near 1 for the reference pasted as it is, about 0 where pose and
    shape are the fill's own. Our own measure of what the paper's Fig. 3 shows.

    Args:
        resolution: side in pixels at which edges are compared.
    """

    def __init__(self, resolution: int = 64) -> None:
        self.resolution = resolution
        super().__init__()

    @property
    def columns(self) -> list[Column]:
        return [Column("outline copy", "lower")]

    def score(self, samples: list[Sample]) -> Tensor:
        fills, own, other = (
            self._edges(pictures)
            for pictures in (
                [on_white(one.fill, one.mask) for one in samples],
                [one.cut_out for one in samples],
                [one.unrelated for one in samples],
            )
        )
        return (_correlation(fills, own) - _correlation(fills, other))[:, None]

    def _edges(self, pictures: list[Tensor]) -> Tensor:
        squares = torch.stack([resized(picture, self.resolution) for picture in pictures])
        edges: Tensor = sobel(squares).mean(1)
        return edges.flatten(1)


def _spread(fills: list[Sample]) -> float:
    if len(fills) < 2:
        return float("nan")
    hole = fills[0].mask[0] > 0.5
    pairs = [(one.fill - other.fill)[:, hole].abs().mean() for one, other in combinations(fills, 2)]
    return float(torch.stack(pairs).mean()) * 255


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    one, other = (value - value.mean(1, keepdim=True) for value in (one, other))
    return torch.cosine_similarity(one, other, dim=1)
