"""Which instance comes when: a pure function of seed and epoch, so that a run can continue anywhere."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from dreaminpainter.data.dataset import Pick
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import sample_key, shuffled

_BLOCK = 4096
"""Places of an epoch that are worked out at a time."""


class Merged(Sampler[Pick]):
    """Instances of several sources in exact long-run shares, each source in a new order each time through.

    They come in rounds of `samples_per_epoch`. What stands at a place of a run is worked out from the place alone, so
    neither time nor memory grows with the number of instances, and it is the same for any number of processes and any
    size of batch. A pick's epoch counts the passes over its source, so no sample comes twice.

    An epoch is a round, made longer to whole optimizer steps, and each goes on where the one before ended: no sample
    is left out because it would not fill a step.

    Args:
        sizes: instances a source.
        weights: share of each source, relative to each other; None goes by size, so that a round has every instance
            once. A source of weight 0 is left out.
        samples_per_epoch: length of a round; None takes the number of instances.
        seed: the run's seed.
        rank: of this process.
        world_size: how many processes share an epoch.
        samples_per_step: samples of this process that make one optimizer step, from which each pick's step is told.

    Raises:
        SettingError: weights for unknown sources, negative or all zero.

    Example:
        >>> ranks = [Merged({"a": 5}, rank=rank, world_size=2) for rank in range(2)]
        >>> sorted((pick.index, pick.epoch) for sampler in ranks for pick in sampler)[:5]
        [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]
        >>> [len(sampler) for sampler in ranks]  # the sixth place is of the second round
        [3, 3]
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
        self._anchor = (0, 0, 0)

    @property
    def place(self) -> int:
        """Where the epoch that is set starts: the samples of all processes that came before it in the run."""
        epoch, place, _ = self._anchor
        return place + (self.epoch - epoch) * len(self) * self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this ahead of each epoch."""
        self.epoch = epoch

    def begin_at(self, epoch: int, place: int, step: int) -> None:
        """Sets an epoch, and where it starts, though those before may have been of another length.

        Args:
            epoch: its number.
            place: where it starts.
            step: the optimizer step that its first sample is for.
        """
        self.epoch = epoch
        self._anchor = (epoch, place, step)

    def __len__(self) -> int:
        steps = -(-self.samples_per_epoch // (self.samples_per_step * self.world_size))
        return steps * self.samples_per_step

    def __iter__(self) -> Iterator[Pick]:
        start, self.skip = self.skip, 0
        for first in range(start, len(self), _BLOCK):
            yield from self._picks(torch.arange(first, min(first + _BLOCK, len(self))))

    def _picks(self, mine: Tensor) -> list[Pick]:
        """What stands at these places of this process, in the epoch that is set."""
        epoch, _, step = self._anchor
        steps = step + ((self.epoch - epoch) * len(self) + mine) // self.samples_per_step
        place = self.place + self.rank + mine * self.world_size
        rounds, within = place // self.samples_per_epoch, place % self.samples_per_epoch
        picks: list[Pick | None] = [None] * len(mine)
        for one in sorted(set(rounds.tolist())):
            rows = (rounds == one).nonzero().flatten()
            for row, (source, index, before) in zip(rows.tolist(), self._of_round(one, within[rows]), strict=True):
                picks[row] = Pick(source, index, before, int(steps[row]))
        return [pick for pick in picks if pick is not None]

    def _of_round(self, number: int, places: Tensor) -> list[tuple[str, int, int]]:
        """Source, index and passes before of what stands at these places of a round."""
        place = shuffled(places, self.samples_per_epoch, sample_key(self.seed, "order", epoch=number))
        found: list[tuple[str, int, int]] = [("", 0, 0)] * len(places)
        low = 0
        for source in self.shares:
            high = low + self._count(source, number)
            here = ((place >= low) & (place < high)).nonzero().flatten()
            passes, indices = self._indices(source, number, place[here] - low)
            for row, before, index in zip(here.tolist(), passes.tolist(), indices.tolist(), strict=True):
                found[row] = (source, index, before)
            low = high
        return found

    def _indices(self, source: str, round_: int, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """The instances of `source` that come n-th in a round, which goes on where the last one stopped.

        Args:
            source: its name.
            round_: the round's number.
            drawn: (n,) int64, which of its samples of this round are asked for.

        Returns:
            (n,) int64 each: the passes over the source that came before, and the index.
        """
        size = self.sizes[source]
        number = drawn + sum(self._count(source, before) for before in range(round_))
        passes, place = number // size, number % size
        index = torch.empty_like(place)
        for one in set(passes.tolist()):
            there = passes == one
            index[there] = shuffled(place[there], size, sample_key(self.seed, "cycle", source, epoch=one))
        return passes, index

    def _count(self, source: str, round_: int) -> int:
        """How many samples of `source` a round has: its share of evenly spaced places, off by less than one.

        The places are shifted by the golden ratio from round to round, so that roundings even out.
        """
        names = list(self.shares)
        before = names[: names.index(source)]
        shift = (round_ * 0.6180339887498949) % 1.0
        low, high = (
            math.ceil(round(math.fsum(self.shares[name] for name in part) * self.samples_per_epoch, 6) - shift)
            for part in (before, [*before, source])
        )
        return high - low


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
