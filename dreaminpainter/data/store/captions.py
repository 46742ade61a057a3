"""Captions beside prepared data: who wrote what about which instance.

They lie in `DIR/captions/*.parquet`, a table of four texts a row: `id` of the instance, `of` ("picture" or "object"),
`text`, and `by`, who wrote it. Shards are only added, so writers need not know of each other. Of several captions of
one instance and kind by the same author, the newest counts.

Example:
    >>> import tempfile
    >>> from dreaminpainter.data.sources.base import HUMAN
    >>> folder = tempfile.mkdtemp()
    >>> with CaptionShards(folder) as shards:
    ...     shards.write([("7", Caption("a dog", of="picture", by=HUMAN))])
    ...     shards.write([("7", Caption("a cat", of="picture", by="blip"))])
    >>> [caption.text for caption in StoredCaptions(folder).of("7")]
    ['a dog', 'a cat']
"""

import os
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal, Self, get_args
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.data.sources.base import HUMAN, Caption
from dreaminpainter.errors import InputError

FOLDER = "captions"
"""Where the captions of a folder of prepared data are."""

Kind = Literal["picture", "object"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What a caption can be of: the whole picture, or the object's crop."""

SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "of", "text", "by")])

_IN_MEMORY = pa.schema(
    [
        ("id", pa.large_string()),
        ("of", pa.dictionary(pa.int32(), pa.string())),
        ("text", pa.large_string()),
        ("by", pa.dictionary(pa.int32(), pa.string())),
    ]
)
_PARTS = 100
"""How many small shards are left lying before a writer makes one of them."""

_ATTEMPTS = 5

Named = tuple[str, Caption]
"""An instance's id and a caption of it."""


class StoredCaptions:
    """The captions in a folder of shards, as they were when the first question was asked.

    Opening reads nothing, and a folder that is not there holds no captions. The first question reads all shards into an
    Arrow table sorted by id; a million captions take a few seconds and 100 MB.

    Args:
        folder: of the shards.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def of(self, id: str) -> list[Caption]:
        """The captions of an instance: a person's first, then the newest; one an author and kind.

        Raises:
            InputError: a shard cannot be read.
        """
        ids = self._table["id"].chunk(0)
        start = bisect_left(ids, id, key=lambda scalar: scalar.as_py())
        stop = start
        while stop < len(ids) and ids[stop].as_py() == id:
            stop += 1
        return _newest(_named(self._table.slice(start, stop - start)))

    def ids(self, of: Kind, by: str | None = None) -> set[str]:
        """The instances that have a caption of this kind, by this author or by anyone.

        Raises:
            InputError: a shard cannot be read.
        """
        fitting = pc.equal(self._table["of"], of)
        if by is not None:
            fitting = pc.and_(fitting, pc.equal(self._table["by"], by))
        return set(self._table["id"].filter(fitting).to_pylist())

    def __iter__(self) -> Iterator[Named]:
        """Each instance's id with each of its captions, by id, in the order of `of`."""
        rows = (row for batch in self._table.to_batches(max_chunksize=1024) for row in _named(batch))
        for id, captions in groupby(rows, key=lambda row: row[0]):
            yield from ((id, caption) for caption in _newest(list(captions)))

    @cached_property
    def _table(self) -> pa.Table:
        shards = _read_all(self.folder)
        newest = pa.concat_tables(shards or [_IN_MEMORY.empty_table()]).unify_dictionaries()
        persons = pc.equal(newest["by"], HUMAN)
        ordered = pa.concat_tables((newest.filter(persons), newest.filter(pc.invert(persons))))
        # Arrow's sort is stable: within an id the order stays that of authors and age.
        table = ordered.take(pc.sort_indices(ordered["id"])).combine_chunks()
        return table if len(table) else pa.table([pa.array([], field.type) for field in _IN_MEMORY], _IN_MEMORY)


class CaptionShards:
    """Adds captions to a folder, each call a shard of its own that is there whole or not at all.

    Shards are named after the run (one more than the newest there is), the process within the run, and their number;
    so names sort by age, and processes never write the same file. Small shards are put together as their number grows,
    and as the writer is closed.

    Args:
        folder: of the shards; made when the first is written.
        rank: of this process within the run.
    """

    def __init__(self, folder: str | os.PathLike[str], rank: int = 0) -> None:
        self.folder = Path(folder)
        self.rank = rank
        sweep(self.folder)
        runs = [int(path.name.partition("-")[0]) for path in _shards(self.folder)]
        self._stem = f"{max(runs, default=0) + 1:06d}-{rank:05d}"
        self._token = uuid4().hex[:8]  # another command may be writing captions of its own into the folder
        self._count = 0
        self._small: list[Path] = []
        self._whole: list[Path] = []

    def write(self, captions: list[Named]) -> None:
        """Writes captions, in the order of their age; those of one author, instance and kind replace older ones."""
        columns = zip(*((id, caption.of, caption.text, caption.by) for id, caption in captions), strict=True)
        table = pa.table([pa.array(column, pa.string()) for column in columns], SCHEMA)
        path = self.folder / f"{self._stem}-{self._count:08d}-{self._token}.parquet"
        self.folder.mkdir(parents=True, exist_ok=True)
        _write([table], path)
        self._count += 1
        self._small.append(path)
        if len(self._small) == _PARTS:
            self._whole.append(_joined(self._small))
            self._small = []

    def close(self) -> None:
        """Puts this writer's shards together."""
        if self._whole + self._small:
            self._whole, self._small = [_joined(self._whole + self._small)], []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _named(rows: pa.Table | pa.RecordBatch) -> list[Named]:
    return [(row["id"], Caption(row["text"], of=row["of"], by=row["by"])) for row in rows.to_pylist()]


def _newest(captions: list[Named]) -> list[Caption]:
    """The first of each kind and author."""
    first: dict[tuple[str, str], Caption] = {}
    for _, caption in captions:
        first.setdefault((caption.of, caption.by), caption)
    return list(first.values())


def _shards(folder: Path) -> list[Path]:
    """All shards, oldest first."""
    return sorted(folder.glob("*.parquet"))


def _read_all(folder: Path) -> list[pa.Table]:
    """All shards, newest first."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return [_read(path) for path in reversed(_shards(folder))]
        except FileNotFoundError:
            continue  # a writer has put shards together since they were listed
    return [_read(path) for path in reversed(_shards(folder))]


def _read(path: Path) -> pa.Table:
    """A shard, its newest rows first."""
    try:
        table = pq.read_table(path, read_dictionary=["of", "by"])
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"The captions in {path} cannot be read ({error}). Delete the file and run `dreaminpainter caption` again."
        ) from error
    if table.column_names != SCHEMA.names:
        raise InputError(
            f"{path} has the columns {', '.join(table.column_names)}, but captions have {', '.join(SCHEMA.names)}. Was "
            "it made by another version? Delete the file and run `dreaminpainter caption` again."
        )
    return table.cast(_IN_MEMORY).take(np.arange(len(table))[::-1])


def _joined(paths: list[Path]) -> Path:
    """Puts shards together in the place of the last; killed in between, rows stand twice, which changes nothing."""
    *older, last = paths
    if older:
        _write([pq.read_table(path) for path in paths], last)
    for path in older:
        path.unlink()
    return last


def _write(tables: list[pa.Table], path: Path) -> None:
    with whole(path) as beside:
        pq.write_table(pa.concat_tables(tables), beside, compression="zstd")
