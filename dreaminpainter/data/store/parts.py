"""Small pieces that a preparation is made of: each is written whole or not at all, by whichever process.

A part holds what became of a run of the source's instances. That one is there means that it is done, so a preparation
which was killed goes on with the parts that are missing. So it does where something was broken: the parts that tell of
damage are made again, since the files may have been mended.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch.utils.data import Dataset

from dreaminpainter.atomic import whole
from dreaminpainter.data.sources.base import LeftOut, PictureFile, SegmentationSource
from dreaminpainter.data.sources.contents import content_shown
from dreaminpainter.data.sources.listing import NOT_UTF8
from dreaminpainter.data.sources.texts import is_legible
from dreaminpainter.data.store.schema import FEATURES, encoded, row_of
from dreaminpainter.errors import DreamInpainterError, MissingFileError


@dataclass(frozen=True)
class PartReport:
    """What became of a part's instances."""

    kept: int
    left_out: list[LeftOut]


def absolute(path: Path) -> Path:
    """The path from the file system's root, free of "..", symbolic links left as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100  pathlib can only resolve links as well


class Parts(Dataset[PartReport]):
    """The parts of a preparation by number; asking for one writes it.

    Args:
        source: what is prepared.
        folder: where the parts are.
        order: the source's indices in the order of the rows.
        size: instances a part.
        pictures: the folder that paths of pictures start from; None where there is none.
        embed: whether the pictures' files go into the rows.
    """

    def __init__(
        self,
        source: SegmentationSource,
        folder: Path,
        order: Sequence[int],
        size: int,
        pictures: Path | None,
        embed: bool,
    ) -> None:
        self.source = source
        self.folder = folder
        self.order = order
        self.size = size
        self.pictures = pictures
        self.embed = embed

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.size)

    def path(self, number: int) -> Path:
        """Of a part's rows. It is named after the instances, so that what was made of others is not taken for it."""
        return self.folder / f"{number:06}-{self._digests[number]}.arrow"

    def count(self, number: int) -> int:
        """How many instances a part has."""
        return len(self._indices(number))

    def missing(self) -> list[int]:
        """The parts that are still to be made, or to be made again because something was broken."""
        return [number for number in range(len(self)) if not self._is_done(number)]

    def report(self, number: int) -> PartReport:
        """Of a part that is there."""
        told = json.loads(self._report_path(number).read_text(encoding="utf-8"))
        return PartReport(told["kept"], [LeftOut(*one) for one in told["left_out"]])

    def __getitem__(self, number: int) -> PartReport:
        """Makes part `number`, in the place of one that is there."""
        rows: list[dict[str, Any]] = []
        left_out: list[LeftOut] = []
        for index in self._indices(number):
            outcome = self._outcome(index)
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
            else:
                rows.append(outcome)
        self.path(number).unlink(missing_ok=True)  # the report is not to be taken for that of older rows
        told = {"kept": len(rows), "left_out": [astuple(one) for one in left_out]}
        with whole(self._report_path(number)) as beside:
            beside.write_text(json.dumps(told), encoding="utf-8")
        # Last: once the rows are there, the part counts as done.
        _write_rows(rows, self.path(number))
        return PartReport(len(rows), left_out)

    def _outcome(self, index: int) -> dict[str, Any] | LeftOut:
        id_ = self.source.id_of(index)
        try:
            instance = self.source[index]
            area = int(instance.mask.sum()) / instance.mask.numel()
            unwanted = self.source.keep and self.source.keep.reason(area, instance.class_name, instance.licence)
            if unwanted:
                return LeftOut(id_, unwanted)
            file = self.source.picture_of(index)
            image = {"bytes": encoded(instance.image), "path": None} if file is None else self._image(file)
            has_reference = instance.reference_image is not None
            row = row_of(
                instance,
                image,
                upright=file is not None and file.upright,
                content=content_shown(instance, file),
                reference_content=self.source.reference_content_of(index) if has_reference else None,
            )
        except MissingFileError as error:
            return LeftOut(id_, "missing file", str(error))
        except (DreamInpainterError, OSError) as error:
            return LeftOut(id_, "unreadable", str(error))
        texts = {"path": row["image"]["path"] or "", "captions": "\n".join(row["captions"])}
        texts |= {name: row[name] or "" for name in ("id", "class_name", "licence")}
        for name, text in texts.items():
            if not is_legible(text):
                return LeftOut(id_, NOT_UTF8, f"{name} of {id_} is {text!r}, which is not UTF-8. Correct it.")
        return row

    def _image(self, file: PictureFile) -> dict[str, Any]:
        if self.embed or self.pictures is None:
            return {"bytes": file.path.read_bytes(), "path": None}
        return {"bytes": None, "path": absolute(file.path).relative_to(self.pictures).as_posix()}

    def _indices(self, number: int) -> Sequence[int]:
        return self.order[number * self.size : (number + 1) * self.size]

    def _is_done(self, number: int) -> bool:
        return self.path(number).exists() and not any(one.damage for one in self.report(number).left_out)

    @cached_property
    def _digests(self) -> list[str]:
        """What tells the instances of each part from others: their ids, and where their pictures are."""
        digests = []
        for number in range(len(self)):
            digest = blake2b(f"{self.pictures}".encode(errors="backslashreplace"), digest_size=8)
            for index in self._indices(number):
                file = self.source.picture_of(index)
                told = f"\n{self.source.id_of(index)}\n{file and file.path}"
                digest.update(told.encode(errors="backslashreplace"))
            digests.append(digest.hexdigest())
        return digests

    def _report_path(self, number: int) -> Path:
        return self.path(number).with_suffix(".json")


def _write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    schema = FEATURES.arrow_schema
    with whole(path) as beside, pa.OSFile(str(beside), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))
