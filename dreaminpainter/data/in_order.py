"""Which instances are validated and tested on, and which process takes which of them in which batch."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise

from torch.utils.data import Sampler

from dreaminpainter.data.dataset import Pick
from dreaminpainter.errors import SettingError


class InOrder(Sampler[list[Pick]]):
    """Every instance of every source once, in order, with the keys of a first pass: batches for validation and test.

    Every process has as many batches, none of them empty, since all have to meet in each; so their sizes may differ
    by one. With a `batch_size` of 1 a batch has two where they do not come out even.

    Args:
        sizes: instances a source.
        batch_size: samples a batch and process.
        limit: at most so many, spread evenly over all; None takes all.
        rank: of this process.
        world_size: how many processes share the instances.

    Raises:
        SettingError: there are fewer instances than processes.

    Example:
        >>> parts = [InOrder({"a": 5}, batch_size=2, rank=rank, world_size=2) for rank in range(2)]
        >>> [[[pick.index for pick in batch] for batch in part] for part in parts]
        [[[0], [3]], [[1, 2], [4]]]
    """

    def __init__(
        self, sizes: dict[str, int], batch_size: int = 1, limit: int | None = None, rank: int = 0, world_size: int = 1
    ) -> None:
        self.sources = list(sizes)
        self.ends = list(accumulate(sizes.values()))
        self.total = self.ends[-1] if self.ends else 0
        self.count = self.total if limit is None else min(limit, self.total)
        self.rank = rank
        self.world_size = world_size
        if 0 < self.count < world_size:
            raise SettingError(
                f"There are {self.count} validation or test samples for {world_size} processes, and each needs one. "
                "Raise data.validation_samples or give more data; or train with fewer processes, or without validation "
                "(--trainer.limit_val_batches 0)."
            )
        self._starts = _starts(self.count, batch_size * world_size, world_size)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[list[Pick]]:
        for start, end in pairwise(self._starts):
            low, high = (start + (end - start) * rank // self.world_size for rank in (self.rank, self.rank + 1))
            yield [self._pick(place) for place in range(low, high)]

    def _pick(self, place: int) -> Pick:
        number = round(place * self.total / self.count)
        source = bisect_right(self.ends, number)
        start = self.ends[source - 1] if source else 0
        return Pick(self.sources[source], number - start, 0)


def _starts(count: int, full: int, least: int) -> list[int]:
    """Where the batches of all processes together start, and the end: full ones, and none with less than `least`."""
    starts = [*range(0, count, full), count]
    if 0 < count % full < least:
        # The last step takes from the one before; where that has no more than one each, the two are made one.
        starts[-2:-1] = [count - least] if full >= 2 * least else []
    return starts
