"""Training on shards as they are read, for data that is too large to lie on the machine.

A stream promises coverage: in one pass each object comes once, whichever process and loader worker reads it. Unlike
with a `SegmentationSource`, the order depends on how many of these there are.
"""

import multiprocessing
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count, islice
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import torch
from datasets import Image, load_dataset
from datasets import IterableDataset as Rows
from datasets.distributed import split_dataset_by_node
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from dreaminpainter.components import Component
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sources.files import required
from dreaminpainter.data.store.schema import COLUMNS, instance_of
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.pictures import EncodedPicture
from dreaminpainter.randomness import sample_key, uniform
from dreaminpainter.types import Batch


class ShardStream(Component):
    """The Parquet files of prepared data, read one after the other.

    Make them with `dreaminpainter prepare ... --parquet true`. For several processes and workers to share the work
    there should be at least as many files as processes times workers.

    Args:
        files: a folder of prepared data, a pattern ("data/*.parquet"), or a dataset on the hub ("hub://owner/name").
        buffer_size: how many objects are held to be shuffled; the order of the files is shuffled besides.

    Raises:
        SettingError: the buffer is empty.
    """

    def __init__(self, files: str, buffer_size: int = 1000) -> None:
        if buffer_size < 1:
            raise SettingError(f"ShardStream: buffer_size is {buffer_size}. Set it to 1 or more.")
        self.files = files
        self.buffer_size = buffer_size

    def rows(self, seed: int) -> Rows:
        """The rows, shuffled; `set_epoch` shuffles anew.

        Raises:
            MissingFileError: there are no such files.
            InputError: they are no prepared data of this version.
        """
        if self.files.startswith("hub://"):
            rows = load_dataset(self.files.removeprefix("hub://"), split="train", streaming=True)
        else:
            rows = load_dataset("parquet", data_files=self.paths(), split="train", streaming=True)
        missing = COLUMNS.keys() - set(rows.features or ())
        if missing:
            raise InputError(
                f"{self.files} lacks the columns {', '.join(sorted(missing))}: it is no prepared data, or of an older "
                "version. Prepare it again."
            )
        for column in ("image", "reference"):
            rows = rows.cast_column(column, Image(decode=False))
        return rows.shuffle(seed=seed, buffer_size=self.buffer_size)

    def paths(self) -> list[str]:
        """The files, where they lie on this machine.

        Raises:
            MissingFileError: there are none.
        """
        pattern = Path(self.files)
        if pattern.is_dir():
            pattern = pattern / "parquet" / "*.parquet"
        paths = sorted(str(path) for path in pattern.parent.glob(pattern.name))
        if not paths:
            required(pattern, "Write the files: dreaminpainter prepare SOURCE --output FOLDER --parquet true")
        return paths

    def fingerprint(self) -> str:
        """Tells whether two streams are of the same files, by name and size."""
        files = [self.files]
        if not self.files.startswith("hub://"):
            files = [f"{Path(path).name} {Path(path).stat().st_size}" for path in self.paths()]
        return blake2b("\n".join(files).encode(), digest_size=16).hexdigest()


_Named = tuple[int, str, dict[str, Any]]
"""Epoch, stream and row."""


class StreamedBatches(IterableDataset[Batch | None]):
    """Batches of one process, of which each loader worker makes its part.

    Args:
        streams: by a name of the run's choice.
        weights: share of each, relative to each other, and a pass ends when the last of them has come to its end,
            while others began again; None takes turns, and a pass has each object once.
        maker: makes samples of instances.
        batch_size: samples a batch; the last of a worker's pass may be smaller.
        endless: begin another pass at the end of one.
        rank: of this process.
        world_size: how many processes share the objects.
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
        self.weights = weights
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

    def _rows(self, first: int, worker: int) -> Iterator[_Named]:
        """The rows of one worker, over as many passes as are wanted."""
        own = {
            name: split_dataset_by_node(stream.rows(self.maker.seed), rank=self.rank, world_size=self.world_size)
            for name, stream in self.streams.items()
        }
        for epoch in count(first) if self.endless else [first]:
            yield from self._turns(own, epoch) if self.weights is None else self._by_weight(own, epoch, worker)

    def _turns(self, own: dict[str, Rows], epoch: int) -> Iterator[_Named]:
        """Every row once, the streams in turn as long as they last."""
        left = {name: _pass(name, rows, epoch) for name, rows in own.items()}
        while left:
            for name in list(left):
                row = next(left[name], None)
                if row is None:
                    del left[name]
                else:
                    yield row

    def _by_weight(self, own: dict[str, Rows], epoch: int, worker: int) -> Iterator[_Named]:
        """Streams drawn by weight until each has come to its end once; those that did begin again."""
        weights = torch.tensor([(self.weights or {}).get(name, 1.0) for name in own])
        drawn = [name for name, weight in zip(own, weights.tolist(), strict=True) if weight > 0]
        left = {name: _pass(name, own[name], epoch) for name in drawn}
        ended: set[str] = set()
        key = torch.tensor([sample_key(self.maker.seed, "streams", f"{self.rank} {worker}", epoch=epoch)])
        for number in count():
            limits = weights.cumsum(0) / weights.sum()
            chosen = int(torch.searchsorted(limits, uniform(key, (), f"turn {number}"), right=True))
            name = list(own)[chosen]
            row = next(left[name], None)
            if row is None:
                ended.add(name)
                if len(ended) == len(drawn):
                    return
                left[name] = _pass(name, own[name], epoch)
                row = next(left[name], None)
            # A worker may have no part in a stream of few files.
            if row is not None:
                yield row

    def _made(self, batch: list[_Named]) -> Batch:
        epochs, names, rows = zip(*batch, strict=True)
        instances = [instance_of(row, _picture(row)) for row in rows]
        return self.maker(instances, list(names), list(epochs))


class StreamLoader(DataLoader[Any]):
    """Hands out streamed batches, and can be saved in the middle of an epoch and go on there.

    Args:
        batches: what is handed out.
        length: batches an epoch; None goes by the stream.
        settings: of torch's DataLoader.
    """

    dataset: StreamedBatches

    def __init__(self, batches: StreamedBatches, length: int | None, **settings: Any) -> None:
        context = _context() if settings.get("num_workers") else None
        super().__init__(batches, batch_size=None, multiprocessing_context=context, **settings)
        self.length = length
        self._next = {"epoch": 0, "batches": 0}
        self._here = self._next

    def state_dict(self) -> dict[str, int]:
        """Epoch and batches handed out in it."""
        return dict(self._here)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next iteration begins behind those batches."""
        self._next = dict(state)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        self._here = dict(self._next)
        self._next = {"epoch": self._here["epoch"] + 1, "batches": 0}
        self.dataset.start_at(**self._here)
        # The places of the batches that were left out are gone through all the same, or workers would change turns.
        for batch in islice(super().__iter__(), self._here["batches"], self.length):
            self._here["batches"] += 1
            yield batch


def _context() -> BaseContext:
    """How workers are started: not as forks of this process, since Arrow's threads do not survive that.

    Where there is one, a server that has imported everything is forked instead, which is quicker than starting anew.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _pass(name: str, rows: Rows, epoch: int) -> Iterator[_Named]:
    """One pass over a stream, in the order of the epoch."""
    rows.set_epoch(epoch)
    for row in rows:
        yield epoch, name, row


def _picture(row: dict[str, Any]) -> EncodedPicture:
    if row["image"]["bytes"] is None:
        raise InputError(
            f"The picture of {row['id']!r} of {row['source']!r} is not embedded in its shard. Write the shards with "
            "`dreaminpainter prepare ... --parquet true`, which embeds them."
        )
    return EncodedPicture(row["image"]["bytes"], f"the picture of {row['id']!r} of {row['source']!r}")
