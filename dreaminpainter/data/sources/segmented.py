"""What a segmenter found in a picture, small enough to keep, in memory and on disk.

Example:
    >>> import torch
    >>> mask = torch.zeros(1, 4, 6, dtype=torch.bool)
    >>> mask[0, 1:3, 2:5] = True
    >>> kept = kept_of((6, 4), "f00", [Segment(mask, "dog", 0.9)])
    >>> kept.objects[0].class_name, kept.objects[0].area, torch.equal(kept.mask(0), mask)
    ('dog', 0.25, True)
"""

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from torch import Tensor

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.components import describe
from dreaminpainter.data.run_lengths import area_of, decode, encode, from_counts
from dreaminpainter.data.segmenting.base import Segment, Segmenter
from dreaminpainter.errors import InputError

_VERSION = 2
"""Of what is kept; files of another are not looked at."""


@dataclass(frozen=True)
class FoundObject:
    """An object; `run_lengths` are COCO's compressed ones, `area` is its share of the picture."""

    class_name: str
    score: float
    area: float
    run_lengths: str


@dataclass(frozen=True)
class SegmentedPicture:
    """A picture's objects, the surest first, its size in pixels and its `content_hash`."""

    width: int
    height: int
    content: str
    objects: tuple[FoundObject, ...]

    def mask(self, number: int) -> Tensor:
        """(1, H, W) bool of an object."""
        return decode(from_counts(self.objects[number].run_lengths, (self.height, self.width)))


def kept_of(size: tuple[int, int], content: str, segments: list[Segment]) -> SegmentedPicture:
    """What is kept of a picture's segments.

    Args:
        size: (width, height) of the picture in pixels.
        content: its `content_hash`.
        segments: what was found in it, in the order to keep.
    """
    width, height = size
    objects = []
    for one in segments:
        run_lengths = encode(one.mask)
        area = area_of(run_lengths) / (width * height)
        objects.append(FoundObject(one.class_name, one.score, area, run_lengths["counts"].decode()))
    return SegmentedPicture(width, height, content, tuple(objects))


class SegmentedPictures:
    """A folder with a small file for each picture that was segmented, each written whole or not at all.

    Files are named after the picture file's bytes and the segmenter's settings: renamed pictures are found again, other
    settings never get these results.

    Args:
        folder: where they are; made where it is missing.
        segmenter: who segments.
    """

    def __init__(self, folder: Path, segmenter: Segmenter) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        self._folder = folder
        told = {"segmenter": describe(segmenter), "version": _VERSION}
        self._settings = json.dumps(told, sort_keys=True).encode()

    def get(self, data: bytes) -> SegmentedPicture | None:
        """What was kept for a picture file of these bytes; None where it was not segmented yet.

        Raises:
            InputError: what was kept is damaged.
        """
        path = self._path(data)
        if not path.exists():
            return None
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            objects = tuple(FoundObject(**one) for one in told.pop("objects"))
            picture = SegmentedPicture(objects=objects, **told)
            for one in objects:
                from_counts(one.run_lengths, (picture.height, picture.width))
            return picture
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is damaged ({error}). Delete it; the picture is then segmented again.") from error

    def put(self, data: bytes, picture: SegmentedPicture) -> None:
        """Keeps what was found in a picture file of these bytes."""
        with whole(self._path(data)) as beside:
            beside.write_text(json.dumps(asdict(picture)), encoding="utf-8")

    def _path(self, data: bytes) -> Path:
        digest = blake2b(self._settings, digest_size=16)
        digest.update(data)
        return self._folder / f"{digest.hexdigest()}.json"
