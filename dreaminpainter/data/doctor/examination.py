"""Looks at all sources of a data module, and into an evenly spread share of their objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.doctor.epochs import Epoch, plan_epoch
from dreaminpainter.data.doctor.opening import Facts, Opened, open_object
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.shards import ShardStream
from dreaminpainter.data.sources.base import LeftOut, SegmentationSource
from dreaminpainter.data.splitting import Side
from dreaminpainter.data.store.reading import PreparedSource
from dreaminpainter.errors import DreamInpainterError, SettingError


@dataclass(frozen=True)
class Part:
    """One source in one split, as it was examined.

    Args:
        split: train, validation or test.
        name: what the data module calls the source.
        kind: the source's class.
        size: how many objects it has.
        left_out: what of its data is no object.
        ids: of all objects; None where only reading their pictures tells.
        contents: content hashes of all pictures, object by object; None likewise.
        files: of all pictures, object by object; None where there are none.
        opened: the objects that were opened.
        unreadable: why it could not be read at all; empty where it could.
        divided: whether it is a side of a source that is divided into training and validation.
    """

    split: str
    name: str
    kind: str
    size: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    ids: Sequence[str] | None = None
    contents: Sequence[str] | None = None
    files: Sequence[str] | None = None
    opened: list[Opened] = field(default_factory=list)
    unreadable: str = ""
    divided: bool = False

    @property
    def label(self) -> str:
        """SPLIT/NAME."""
        return f"{self.split}/{self.name}"

    @property
    def facts(self) -> list[tuple[str, Facts]]:
        """Ids and facts of the objects that could be opened."""
        return [(one.id, one.facts) for one in self.opened if one.facts is not None]


@dataclass(frozen=True)
class Examination:
    """All that the checks ask for.

    Args:
        parts: each source of each split.
        epoch: what an epoch of training has; None where a source of `train` is empty or cannot be read, or there is
            none.
        unexamined: streams of training data that lie in no folder of prepared data.
    """

    parts: list[Part]
    epoch: Epoch | None = None
    unexamined: list[str] = field(default_factory=list)


def examine(data: InpaintingDataModule, samples: int = 256, num_workers: int = 2) -> Examination:
    """Reads every source's records, and opens some of its objects as training would.

    Args:
        data: the sources, and how samples are made of them.
        samples: at most so many objects of each source and split are opened, evenly spread and the same each time.
        num_workers: loader processes; 0 opens in this one.

    Raises:
        SettingError: a number is out of range.
    """
    if samples < 1 or num_workers < 0:
        raise SettingError(f"samples is {samples} and num_workers {num_workers}; give 1 or more, and 0 or more.")
    streamed, unexamined = _streamed(data.streams)
    splits = {"train": data.train | streamed, "validation": data.validation}
    if data.test is not data.validation:
        splits["test"] = data.test
    parts = [
        _examined(split, name, source, data.maker(data.seed), samples, num_workers)
        for split, sources in splits.items()
        for name, source in sources.items()
    ]
    trained = [part.size > 0 for part in parts if part.split == "train"]
    return Examination(parts, plan_epoch(data) if data.train and all(trained) else None, unexamined)


def spread(size: int, samples: int) -> list[int]:
    """At most `samples` of the numbers below `size`, evenly spread.

    Example:
        >>> spread(10, 4), spread(3, 4)
        ([0, 2, 5, 7], [0, 1, 2])
    """
    return list(range(size)) if size <= samples else [place * size // samples for place in range(samples)]


def _streamed(streams: dict[str, ShardStream]) -> tuple[dict[str, SegmentationSource], list[str]]:
    """The prepared data that streams come from, and the streams whose data is elsewhere."""
    sources: dict[str, SegmentationSource] = {
        name: PreparedSource(stream.files) for name, stream in streams.items() if Path(stream.files).is_dir()
    }
    return sources, [name for name in streams if name not in sources]


class _Objects(Dataset[Opened]):
    """Opens chosen objects of a source, for a loader's processes; `contents` are known where it was prepared."""

    def __init__(
        self,
        source: SegmentationSource,
        name: str,
        indices: list[int],
        maker: SampleMaker,
        contents: Sequence[str] | None,
    ) -> None:
        self.source = source
        self.name = name
        self.indices = indices
        self.maker = maker
        self.contents = None if contents is None else [contents[index] for index in indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> Opened:
        content = None if self.contents is None else self.contents[place]
        return open_object(self.source, self.indices[place], self.maker, self.name, content)


def _examined(
    split: str, name: str, source: SegmentationSource, maker: SampleMaker, samples: int, num_workers: int
) -> Part:
    kind = type(source.source if isinstance(source, Side) else source).__name__
    try:
        size, left_out = len(source), source.left_out
        ids = [source.id_of(index) for index in range(size)] if _knows(source, "id_of") else None
        contents = source.contents() if _knows(source, "contents") else None
        places = [source.picture_of(index) for index in range(size)]
    except (DreamInpainterError, OSError) as error:
        return Part(split, name, kind, unreadable=str(error))
    files = [str(place.path) for place in places if place is not None]
    objects = _Objects(source, name, spread(size, samples), maker, contents)
    opened = _opened(objects, f"{split}/{name}", num_workers)
    known, divided = files if len(files) == size else None, isinstance(source, Side)
    return Part(split, name, kind, size, left_out, ids, contents, known, opened, divided=divided)


def _knows(source: SegmentationSource, method: str) -> bool:
    """Whether a source has these answers at hand: then it overrides the method, which else reads every picture."""
    kind = type(source.source if isinstance(source, Side) else source)
    return getattr(kind, method) is not getattr(SegmentationSource, method)


def _opened(objects: _Objects, label: str, num_workers: int) -> list[Opened]:
    loader = DataLoader(objects, batch_size=None, num_workers=num_workers, collate_fn=_as_made)
    return list(tqdm(loader, total=len(objects), desc=label, unit=" objects", dynamic_ncols=True))


def _as_made(opened: Any) -> Any:
    return opened
