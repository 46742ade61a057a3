"""Which instance comes when: a pure function of seed and epoch, so that a run can continue anywhere."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from dreaminpainter.data.dataset import Pick
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import sample_key, shuffled
from dreaminpainter.types import Batch

_BLOCK = 4096
"""Places of an epoch that are worked out at a time."""


class Merged(Sampler[Pick]):
    """Instances of several sources in exact long-run shares, each source in a new order each time through.

    What stands at a place of an epoch is worked out from the place alone, so neither time nor memory grows with the
    number of instances. A pick's epoch counts the passes over its source, so no sample comes twice.

    Args:
        sizes: instances a source.
        weights: share of each source, relative to each other; None goes by size, so that an epoch has every instance
            once. A source of weight 0 is left out.
        samples_per_epoch: length of an epoch; None takes the number of instances.
        seed: the run's seed.
        rank: of this process.
        world_size: how many processes share an epoch.
        samples_per_step: samples of this process that make one optimizer step, from which each pick's step is told.

    Raises:
        SettingError: weights for unknown sources, negative or all zero.
    """

    def __init__(
        self,
        sizes: dict[str, int],
        weights: dict[str, float] | None = None,
        samples_per_epoch: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        samples_per_step: int = 1,
    ) -> None:
        relative = _weights_by_size(sizes) if weights is None else relative_weights(sizes, weights)
        empty = [source for source in relative if not sizes[source]]
        if empty:
            raise SettingError(
                f"The source {empty[0]!r} has a weight and no instances. Mend its settings, or set it to 0."
            )
        total = math.fsum(relative.values())
        self.sizes = sizes
        self.shares = {source: weight / total for source, weight in relative.items()}
        everything = sum(sizes[source] for source in relative)
        self.samples_per_epoch = everything if samples_per_epoch is None else samples_per_epoch
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.samples_per_step = samples_per_step
        self.epoch = 0
        self.skip = 0
        """Samples of this process that the next iteration, and only that one, leaves out at its start."""

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this ahead of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.samples_per_epoch // self.world_size

    def __iter__(self) -> Iterator[Pick]:
        start, self.skip = self.skip, 0
        for first in range(start, len(self), _BLOCK):
            yield from self._picks(torch.arange(first, min(first + _BLOCK, len(self))))

    def _picks(self, mine: Tensor) -> list[Pick]:
        """What stands at these places of this process, in the epoch that is set."""
        epoch = self.epoch
        order = sample_key(self.seed, "order", epoch=epoch)
        place = shuffled(self.rank + mine * self.world_size, self.samples_per_epoch, order)
        step = (epoch * len(self) + mine) // self.samples_per_step
        picks: list[Pick | None] = [None] * len(mine)
        low = 0
        for source in self.shares:
            high = low + self._count(source, epoch)
            here = ((place >= low) & (place < high)).nonzero().flatten()
            passes, indices = self._indices(source, place[here] - low)
            for row, before, index in zip(here.tolist(), passes.tolist(), indices.tolist(), strict=True):
                picks[row] = Pick(source, index, before, int(step[row]))
            low = high
        return [pick for pick in picks if pick is not None]

    def _indices(self, source: str, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """The instances of `source` that come n-th in this epoch, which goes on where the last one stopped.

        Args:
            source: its name.
            drawn: (n,) int64, which of its samples of this epoch are asked for.

        Returns:
            (n,) int64 each: the passes over the source that came before, and the index.
        """
        size = self.sizes[source]
        number = drawn + sum(self._count(source, epoch) for epoch in range(self.epoch))
        passes, place = number // size, number % size
        index = torch.empty_like(place)
        for one in set(passes.tolist()):
            there = passes == one
            index[there] = shuffled(place[there], size, sample_key(self.seed, "cycle", source, epoch=one))
        return passes, index

    def _count(self, source: str, epoch: int) -> int:
        """How many samples of `source` an epoch has: its share of evenly spaced places, off by less than one.

        The places are shifted by the golden ratio from epoch to epoch, so that roundings even out.
        """
        names = list(self.shares)
        before = names[: names.index(source)]
        shift = (epoch * 0.6180339887498949) % 1.0
        low, high = (
            math.ceil(round(math.fsum(self.shares[name] for name in part) * self.samples_per_epoch, 6) - shift)
            for part in (before, [*before, source])
        )
        return high - low


class ResumableLoader(DataLoader[Any]):
    """A DataLoader that Lightning can save in the middle of an epoch and continue exactly there.

    The position is the number of batches handed out, not of those that workers have prepared.
    """

    sampler: Merged

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handed_out = 0
        self._resume: tuple[int, int] | None = None

    def state_dict(self) -> dict[str, int]:
        """Epoch and batches handed out in it."""
        return {"epoch": self.sampler.epoch, "batches": self._handed_out}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next iteration of that epoch begins behind those batches."""
        self._resume = (state["epoch"], state["batches"])
        self.sampler.set_epoch(state["epoch"])

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        epoch, done = self._resume or (-1, 0)
        self._resume = None
        start = done if epoch == self.sampler.epoch and done < len(self) else 0
        self._handed_out = start
        self.sampler.skip = start * (self.batch_size or 1)
        for batch in super().__iter__():
            self._handed_out += 1
            yield batch


def relative_weights(names: Iterable[str], weights: dict[str, float]) -> dict[str, float]:
    """The weight of each source or stream that has one above 0; 1 for those that are not named.

    Args:
        names: of all sources or streams.
        weights: as they were set.

    Raises:
        SettingError: weights for others, or that are no numbers of 0 or more, or all zero.

    Example:
        >>> relative_weights(["coco", "voc", "mine"], {"coco": 3.0, "voc": 0.0})
        {'coco': 3.0, 'mine': 1.0}
    """
    known = list(names)
    unknown = weights.keys() - set(known)
    if unknown:
        raise SettingError(f"data.weights names {', '.join(sorted(unknown))}; the sources are: {', '.join(known)}.")
    chosen = {name: weights.get(name, 1.0) for name in known}
    if not all(0 <= weight < math.inf for weight in chosen.values()) or not any(chosen.values()):
        raise SettingError(f"data.weights is {weights}; weights must be 0 or more, and one of them above 0.")
    return {name: weight for name, weight in chosen.items() if weight}


def _weights_by_size(sizes: dict[str, int]) -> dict[str, float]:
    return {source: float(size) for source, size in sizes.items() if size}
