"""Somebody's own pictures and masks.

Example:
    >>> source = FolderSource("my_dog", class_name="dog")  # reads nothing yet
    >>> source.name
    'folder'
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource
from dreaminpainter.data.sources.contents import content_of_file
from dreaminpainter.data.sources.files import read_picture, required
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.folder_entries import LAYOUT, FolderEntry, find_pairs, find_table, read_table
from dreaminpainter.data.sources.listing import BrokenObjectError, Listing, listed, or_left_out, shown
from dreaminpainter.paths import is_inside
from dreaminpainter.pictures import mask_to_tensor, open_mask, open_reference, to_tensor


class FolderSource(SegmentationSource):
    """Pictures with a mask each, found by their names or listed in a table.

    By their names, in a folder and the folders within it:

        root/rex.jpg                       a picture
        root/rex_mask.png                  its mask, white on the subject, of the same size
        root/rex.txt                       captions, one a line; may be absent
        root/rex_reference.png             another picture of the same subject; may be absent
        root/rex_reference_mask.png        that one's mask; may be absent
        root/rex_detail_mask.png           white on small things of the subject in rex.jpg, such as a logo, for
                                           `model.detail_weight`; may be absent, but not black all over

    By a table, `metadata.csv` or `metadata.jsonl` or another one that `table` names, with the columns `image` and
    `mask`, and, where wanted, `reference`, `reference_mask`, `detail_mask`, `caption`, `class_name`, `licence` and
    `id`. Files are named relative to the root, and several rows may share a picture.

    A reference without a mask is a cut-out whose alpha is the mask; where it has none either, all of it is the subject.
    Where there is no reference, the subject is cut out of the picture itself. Pictures and masks are turned upright as
    their EXIF orientation says, since cameras turn pictures so.

    An object's id is its picture's path without the ending, such as `holiday/rex`; in a table its mask's, unless the
    column `id` says otherwise.

    Args:
        root: the folder.
        keep: which objects are wanted; all where left out. A limit of the area makes the first question read all masks.
        table: name of the table, relative to the root; None for `metadata.jsonl` or `metadata.csv` where there is one,
            and for the files' names where there is none.
        class_name: what the objects are, in words; the table's column wins.
    """

    name = "folder"
    keep: ObjectFilter

    def __init__(
        self, root: str, keep: ObjectFilter | None = None, table: str | None = None, class_name: str = "object"
    ) -> None:
        self.root = root
        self.keep = keep or ObjectFilter(min_area=0.0, max_area=1.0)
        self.table = table
        self.class_name = class_name

    def __len__(self) -> int:
        return len(self._index.objects)

    def __getitem__(self, index: int) -> Instance:
        """The instance at `index`.

        Raises:
            InputError: a picture or mask cannot be read, or a mask is empty or of another size than its picture.
            MissingFileError: one of them is not there.
        """
        entry = self._index.objects[index]
        image = read_picture(Path(self.root) / entry.image, LAYOUT, upright=True)
        height, width = image.shape[1:]
        mask = self._mask(entry.mask, (width, height))
        left, top, right, bottom = boxes_of(mask[None])[0].tolist()
        reference_image, reference_mask = self._reference(entry)
        return Instance(
            image=image,
            mask=mask,
            class_name=self._class_of(entry),
            box=(left, top, right, bottom),
            captions=list(entry.captions),
            source=self.name,
            id=entry.id,
            licence=entry.licence or None,
            reference_image=reference_image,
            reference_mask=reference_mask,
            detail_mask=self._mask(entry.detail_mask, (width, height)) if entry.detail_mask else None,
        )

    def id_of(self, index: int) -> str:
        return self._index.objects[index].id

    def content_of(self, index: int) -> str:
        return content_of_file(self.picture_of(index), LAYOUT)

    def reference_content_of(self, index: int) -> str | None:
        reference = self._index.objects[index].reference
        if not reference:
            return None
        return content_of_file(PictureFile(Path(self.root) / reference, upright=True), LAYOUT, "reference")

    def picture_of(self, index: int) -> PictureFile:
        return PictureFile(Path(self.root) / self._index.objects[index].image, upright=True)

    @property
    def left_out(self) -> list[LeftOut]:
        """Besides what the filter leaves out: pictures without a mask, and what else is broken."""
        return self._index.left_out

    def _mask(self, file: str, size: tuple[int, int]) -> Tensor:
        """(1, H, W) bool, of a picture whose (width, height) it shall have."""
        return mask_to_tensor(open_mask(required(Path(self.root) / file, LAYOUT), [], size))

    def _reference(self, entry: FolderEntry) -> tuple[Tensor, Tensor] | tuple[None, None]:
        if not entry.reference:
            return None, None
        path = required(Path(self.root) / entry.reference, LAYOUT)
        mask_path = required(Path(self.root) / entry.reference_mask, LAYOUT) if entry.reference_mask else None
        picture, mask = open_reference(path, [], mask_path)
        image = to_tensor(picture)
        return image, torch.ones_like(image[:1], dtype=torch.bool) if mask is None else mask_to_tensor(mask)

    def _class_of(self, entry: FolderEntry) -> str:
        return entry.class_name or self.class_name

    @cached_property
    def _index(self) -> Listing[FolderEntry]:
        root = required(Path(self.root), LAYOUT)
        table = find_table(root, self.table)
        entries = find_pairs(root) if table is None else read_table(table)
        told_by = table or root
        classes = {self._class_of(entry) for entry in entries if isinstance(entry, FolderEntry)}
        self.keep.check_categories(classes, told_by)
        progress = shown(entries, "reading masks", "masks") if self._needs_areas else entries
        return listed((judged for entry in progress for judged in self._judged(entry, told_by)), told_by)

    def _judged(self, entry: FolderEntry | LeftOut, told_by: Path) -> Iterator[FolderEntry | LeftOut]:
        if isinstance(entry, LeftOut):
            yield entry
        else:
            yield from or_left_out(entry.id, self._whole(entry, told_by))

    def _whole(self, entry: FolderEntry, told_by: Path) -> Iterator[FolderEntry | LeftOut]:
        for name in (entry.image, entry.mask, entry.reference, entry.reference_mask, entry.detail_mask):
            if not is_inside(name):
                damage = f"{told_by} names the file {name!r}, which lies outside {self.root}. Correct the name."
                raise BrokenObjectError("file outside the root", damage)
        if entry.reference_mask and not entry.reference:
            damage = f"{told_by} has the mask of a reference, {entry.reference_mask}, but no reference. Add that one."
            raise BrokenObjectError("no reference", damage)
        reason = self.keep.reason(class_name=self._class_of(entry), licence=entry.licence or None)
        if reason is None and self._needs_areas:
            mask = mask_to_tensor(open_mask(required(Path(self.root) / entry.mask, LAYOUT), []))
            reason = self.keep.reason(float(mask.float().mean()), licence=entry.licence or None)
        yield entry if reason is None else LeftOut(entry.id, reason)

    @property
    def _needs_areas(self) -> bool:
        return (self.keep.min_area, self.keep.max_area) != (0, 1)
