"""What it takes to choose objects by weight and in random order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch.utils.data import RandomSampler, WeightedRandomSampler

from benchmarks.fresh import Gauge
from dreaminpainter.data.sampling import Merged

_BLOCK = 4096
"""Picks that `Merged` works out at a time; what comes after the first is timed from the next block on."""
_PICKS = 4 * _BLOCK
_WARM = 3000


@dataclass(frozen=True)
class Picking:
    """What choosing took.

    Args:
        objects: how many there are to choose from.
        first: seconds until the first was chosen.
        each: seconds for each of the following.
        peak: megabytes that were added at most.
        distinct: how many different ones were among the chosen, as a share.
    """

    objects: int
    first: float
    each: float
    peak: float
    distinct: float


def _merged(objects: int) -> Iterable[object]:
    """Three sources by weight."""
    sizes = {"large": objects - 4 * (objects // 10), "small": 3 * (objects // 10), "smallest": objects // 10}
    return Merged(sizes, {"large": 5, "small": 3, "smallest": 2})


def _weighted(objects: int) -> Iterable[object]:
    """A weight for each object, which is how torch has it."""
    return WeightedRandomSampler(torch.ones(objects), objects)  # type: ignore[arg-type]


def _random(objects: int) -> Iterable[object]:
    return RandomSampler(range(objects))


PICKERS: dict[str, Callable[[int], Iterable[Any]]] = {
    "Merged": _merged,
    "RandomSampler": _random,
    "WeightedRandomSampler": _weighted,
}


def pick(name: str, objects: int) -> Picking:
    """Chooses from as many objects, in this process."""
    torch.set_num_threads(1)
    for _ in PICKERS[name](_WARM):
        pass
    gauge = Gauge()
    picks = iter(PICKERS[name](objects))
    chosen = [next(picks)]
    first = gauge.read()
    chosen += islice(picks, _BLOCK - 1)
    rest = Gauge()
    chosen += islice(picks, _PICKS)
    each = rest.read().seconds / (len(chosen) - _BLOCK)
    return Picking(objects, first.seconds, each, gauge.read().peak, len(set(chosen)) / len(chosen))
