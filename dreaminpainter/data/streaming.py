"""Training on shards as they are read, for data that is too large to lie on the machine.

A stream promises coverage: in one pass each object comes once, whichever process and loader worker reads it. Unlike
with a `SegmentationSource`, the order depends on how many of these there are.
"""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import torch
from datasets import IterableDataset as Rows
from datasets.distributed import split_dataset_by_node
from torch.utils.data import IterableDataset, get_worker_info

from dreaminpainter.data.choices import draw_choice
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sampling import relative_weights
from dreaminpainter.data.shards import ShardStream
from dreaminpainter.data.store.schema import instance_of
from dreaminpainter.errors import InputError
from dreaminpainter.pictures import EncodedPicture
from dreaminpainter.randomness import sample_key
from dreaminpainter.types import Batch

_APART = 2**32
"""Between the numbers of a stream's passes within an epoch; more than there will ever be epochs."""


_Named = tuple[int, str, dict[str, Any]]
"""Number of the pass, stream and row."""


class _Passes:
    """The passes over one stream within an epoch: of each a number, order and keys that no other pass has.

    The first has the epoch's own number. So a stream that is read once an epoch makes the samples of a source that is.

    Args:
        name: of the stream.
        rows: what is read of it.
        epoch: of the training.
    """

    def __init__(self, name: str, rows: Rows, epoch: int) -> None:
        self.empty = True
        """Whether no row has come yet."""
        self._name = name
        self._rows = rows
        self._next = epoch

    def begin(self) -> Iterator[_Named]:
        """The next pass; the one before has come to its end."""
        number = self._next
        self._next += _APART
        self._rows.set_epoch(number)
        for row in self._rows:
            self.empty = False
            yield number, self._name, row


def _in_turn(streams: dict[str, _Passes]) -> Iterator[_Named]:
    """Every row once, the streams in turn as long as they last."""
    left = [stream.begin() for stream in streams.values()]
    while left:
        for rows in list(left):
            row = next(rows, None)
            if row is None:
                left.remove(rows)
            else:
                yield row


class StreamedBatches(IterableDataset[Batch | None]):
    """Batches of one process, of which each loader worker makes its part.

    Args:
        streams: by a name of the run's choice.
        weights: share of each, relative to each other, 1 for one that is not named, and a pass ends when the last of
            them has come to its end, while others began again; None takes turns, and a pass has each object once.
        maker: makes samples of instances.
        batch_size: samples a batch; the last of a worker's pass may be smaller.
        endless: begin another pass at the end of one.
        rank: of this process.
        world_size: how many processes share the objects.

    Raises:
        SettingError: weights for unknown streams, negative or all zero.
    """

    def __init__(
        self,
        streams: dict[str, ShardStream],
        weights: dict[str, float] | None,
        maker: SampleMaker,
        batch_size: int,
        endless: bool,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.streams = streams
        self.weights = None if weights is None else relative_weights(streams, weights)
        self.maker = maker
        self.batch_size = batch_size
        self.endless = endless
        self.rank = rank
        self.world_size = world_size
        # Shared, since workers that live on from epoch to epoch hold a copy of all else.
        self._start = torch.zeros(2, dtype=torch.int64)
        self._start.share_memory_()  # type: ignore[no-untyped-call]

    def start_at(self, epoch: int, batches: int) -> None:
        """The next iteration is of `epoch`, and leaves out as many batches at its start."""
        self._start.copy_(torch.tensor([epoch, batches]))

    def __iter__(self) -> Iterator[Batch | None]:
        """The worker's batches; None in the place of each that was trained on already."""
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        epoch, done = self._start.tolist()
        rows = self._rows(epoch, worker)
        done_here = len(range(worker, done, workers))
        for number in count():
            batch = list(islice(rows, self.batch_size))
            if not batch:
                return
            yield None if number < done_here else self._made(batch)

    def shards(self) -> int:
        """How many loader workers have a part of their own: no more than there are files for this process.

        Raises:
            MissingFileError: a stream has no files.
            InputError: they are no prepared data of this version.
        """
        return max(int(rows.num_shards) for rows in self._own().values())

    def _own(self) -> dict[str, Rows]:
        """What this process reads of each stream that is wanted."""
        return {
            name: split_dataset_by_node(
                self.streams[name].rows(self.maker.seed), rank=self.rank, world_size=self.world_size
            )
            for name in (self.streams if self.weights is None else self.weights)
        }

    def _rows(self, epoch: int, worker: int) -> Iterator[_Named]:
        """The rows of one worker, over as many passes as are wanted."""
        streams = {name: _Passes(name, rows, epoch) for name, rows in self._own().items()}
        for number in count():
            turns = _in_turn(streams) if self.weights is None else self._by_weight(streams, f"{worker} {number}", epoch)
            first = next(turns, None)
            if first is None:
                return  # a worker without a part of any stream would go on looking for one
            yield first
            yield from turns
            if not self.endless:
                return

    def _by_weight(self, streams: dict[str, _Passes], turns: str, epoch: int) -> Iterator[_Named]:
        """Streams drawn by weight until each has come to its end once; those that did begin again."""
        names, weights = zip(*(self.weights or {}).items(), strict=True)
        left = {name: streams[name].begin() for name in names}
        ended: set[str] = set()
        key = torch.tensor([sample_key(self.maker.seed, "streams", f"{self.rank} {turns}", epoch=epoch)])
        for number in count():
            name = names[int(draw_choice(list(weights), key, f"turn {number}"))]
            row = next(left[name], None)
            if row is None:
                ended.add(name)
                if len(ended) == len(names):
                    return
                # A worker may have no part in a stream of few files.
                if not streams[name].empty:
                    left[name] = streams[name].begin()
                    row = next(left[name], None)
            if row is not None:
                yield row

    def _made(self, batch: list[_Named]) -> Batch:
        passes, names, rows = zip(*batch, strict=True)
        instances = [instance_of(row, _picture(row)) for row in rows]
        return self.maker(instances, list(names), list(passes))


def _picture(row: dict[str, Any]) -> EncodedPicture:
    if row["image"]["bytes"] is None:
        raise InputError(
            f"The picture of {row['id']!r} of {row['source']!r} is not embedded in its shard. Write the shards with "
            "`dreaminpainter prepare ... --parquet true`, which embeds them."
        )
    return EncodedPicture(row["image"]["bytes"], f"the picture of {row['id']!r} of {row['source']!r}")
