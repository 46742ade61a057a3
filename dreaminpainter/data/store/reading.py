"""Prepared data as a source."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Dataset, load_from_disk

from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource
from dreaminpainter.data.sources.files import inside, required
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.store.captions import StoredCaptions
from dreaminpainter.data.store.latents import FOLDER, LatentCache
from dreaminpainter.data.store.manifest import FILE, LEFT_OUT, Manifest
from dreaminpainter.data.store.schema import NEEDED, instance_of
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.pictures import EncodedPicture

_LAYOUT = "Prepare data there first: dreaminpainter prepare SOURCE.yaml --output FOLDER"


class PreparedSource(SegmentationSource):
    """What `dreaminpainter prepare` wrote, memory-mapped: a million objects open in under a second.

    Captions that `dreaminpainter caption` wrote come with their instances. What was left out was left out while
    preparing; a picture that cannot be read now is an error, and no other sample takes its place.

    Args:
        root: the folder that was given to `prepare` as output.
        keep: which objects are wanted of those that were kept while preparing; None for all.
        pictures: the folder that the pictures are in now, where they were moved since; None where they were not.
        latents: train on the latents that `prepare --cache_latents` wrote.

    Raises:
        MissingFileError: there is no prepared data.
        InputError: it is of another version.
    """

    name = "prepared"

    def __init__(
        self, root: str, keep: ObjectFilter | None = None, pictures: str | None = None, latents: bool = False
    ) -> None:
        self.root = root
        self.keep = keep
        self.pictures = pictures
        self.latents = latents

    def __len__(self) -> int:
        return len(self.rows) if self._kept is None else len(self._kept)

    def __getitem__(self, index: int) -> Instance:
        """The instance at `index`.

        Raises:
            InputError: its picture cannot be read, or has changed in size.
            MissingFileError: its picture is not where it was.
        """
        number = self._row(index)
        row = self.rows[number]
        data = row["image"]["bytes"]
        embedded = None if data is None else EncodedPicture(data, f"the picture of {row['id']!r} in {self.root}")
        instance = instance_of(row, embedded or self.picture_path(row))
        instance.written = self.captions.of(instance.id)
        instance.latents = self.cache.of(number) if self.latents else None
        return instance

    def picture_path(self, row: dict[str, Any]) -> Path:
        """Where the picture of a row is that refers to one.

        Raises:
            MissingFileError: it is not there.
            InputError: the row names a file outside the pictures' folder.
            SettingError: the folder of the pictures is not known.
        """
        path = self._place(row["image"]["path"])
        return required(path, f"{self.root} refers to it; put it back, or name its new folder as `pictures`")

    def picture_of(self, index: int) -> PictureFile | None:
        """Where the picture of the instance at `index` is; None where it is embedded.

        Raises:
            InputError: the row names a file outside the pictures' folder.
            SettingError: the folder of the pictures is not known.
        """
        number, columns = self._row(index), self.rows.data
        path = columns.column("image")[number]["path"].as_py()
        return None if path is None else PictureFile(self._place(path), columns.column("upright")[number].as_py())

    def id_of(self, index: int) -> str:
        return str(self.rows.data.column("id")[self._row(index)])

    def content_of(self, index: int) -> str:
        return str(self.rows.data.column("content_hash")[self._row(index)])

    def contents(self) -> Sequence[str]:
        return self._column("content_hash")

    def reference_content_of(self, index: int) -> str | None:
        content: str | None = self.rows.data.column("reference_hash")[self._row(index)].as_py()
        return content

    def reference_contents(self) -> Sequence[str | None]:
        return self._column("reference_hash")

    def fingerprint(self) -> str:
        if self._kept is None:
            return self.manifest.fingerprint
        return super().fingerprint()

    @property
    def left_out(self) -> list[LeftOut]:
        """What was left out while preparing, and what the filter leaves out now."""
        path = required(Path(self.root) / LEFT_OUT, _LAYOUT)
        return [*(LeftOut(**row) for row in pq.read_table(path).to_pylist()), *self._unwanted()]

    @cached_property
    def manifest(self) -> Manifest:
        """What the data says of itself."""
        return Manifest.read(required(Path(self.root) / FILE, _LAYOUT))

    @cached_property
    def rows(self) -> Dataset:
        """The rows as `datasets` has them, of every object, whatever the filter."""
        manifest = self.manifest
        rows = load_from_disk(str(required(Path(self.root) / "objects", _LAYOUT)))
        missing = NEEDED - set(rows.column_names)
        if missing or len(rows) != manifest.kept:
            told = f"lacks the columns {', '.join(sorted(missing))}" if missing else f"has {len(rows)} rows"
            raise InputError(
                f"{self.root}/objects {told}, but {FILE} tells of {manifest.kept} objects of version "
                f"{manifest.version}. Prepare the data again into another folder."
            )
        return rows

    @cached_property
    def captions(self) -> StoredCaptions:
        """The captions that were written since."""
        return StoredCaptions(Path(self.root) / "captions")

    @property
    def latents_made_from(self) -> dict[str, Any] | None:
        return self.cache.settings if self.latents else None

    @cached_property
    def cache(self) -> LatentCache:
        """The latents beside the data."""
        digest = blake2b(digest_size=16)
        for column in ("id", "content_hash"):
            digest.update("\n".join(self.rows.data.column(column).to_pylist()).encode())
        return LatentCache(Path(self.root) / FOLDER, digest.hexdigest())

    @property
    def _pictures(self) -> Path:
        folder = self.pictures or self.manifest.pictures
        if folder is None:
            raise SettingError(f"{self.root}/{FILE} names no folder of pictures. Give it as `pictures`.")
        return Path(folder)

    def _place(self, path: str) -> Path:
        return inside(self._pictures, path, self.root)

    @cached_property
    def _kept(self) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
        """The rows that the filter lets through; None where there is no filter."""
        if self.keep is None:
            return None
        table, keep = self.rows.data, self.keep
        area = table.column("area")
        wanted = pc.and_(pc.greater_equal(area, keep.min_area), pc.less_equal(area, keep.max_area))
        if keep.categories is not None:
            keep.check_categories(pc.unique(table.column("class_name")).to_pylist(), self.root)
            wanted = pc.and_(wanted, pc.is_in(table.column("class_name"), pa.array(keep.categories)))
        if keep.licences is not None:
            known = pc.unique(table.column("licence")).to_pylist()
            good = [licence for licence in known if keep.reason(licence=licence) is None]
            wanted = pc.and_(wanted, pc.is_in(table.column("licence"), pa.array(good, pa.string())))
        kept: np.ndarray[tuple[int], np.dtype[np.int64]] = np.flatnonzero(wanted.to_numpy())
        return kept

    def _column(self, name: str) -> list[Any]:
        """Of the objects that the filter lets through."""
        column: list[Any] = self.rows.data.column(name).to_pylist()
        return column if self._kept is None else [column[row] for row in self._kept]

    def _unwanted(self) -> Iterator[LeftOut]:
        """The rows that the filter does not let through, with its reasons."""
        if self.keep is None or self._kept is None:
            return
        others = np.delete(np.arange(len(self.rows)), self._kept)
        columns = self.rows.data.table.select(["id", "area", "class_name", "licence"])
        for row in columns.take(pa.array(others)).to_pylist():
            yield LeftOut(row["id"], self.keep.reason(row["area"], row["class_name"], row["licence"]) or "")

    def _row(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"Object {index} of {len(self)} in {self.root}.")
        return index if self._kept is None else int(self._kept[index])
