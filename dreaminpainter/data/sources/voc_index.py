"""What Pascal VOC's files say, picture by picture; a broken picture or object is left out and named."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError
from defusedxml.ElementTree import parse as parse_xml
from numpy.typing import NDArray

from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.files import required
from dreaminpainter.data.sources.filter import ObjectFilter, is_finite_box
from dreaminpainter.data.sources.listing import BrokenObjectError, Listing, listed, or_left_out, shown
from dreaminpainter.errors import InputError
from dreaminpainter.paths import is_inside
from dreaminpainter.pictures import open_numbers

# fmt: off
_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table", "dog",
    "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
)
# fmt: on
_IN_WORDS = {name.replace(" ", ""): name for name in _CLASSES}
_VOID = 255


@dataclass(frozen=True)
class VocObject:
    """Object `number` of a picture, counted from 1."""

    picture: str
    number: int
    class_name: str

    @property
    def id(self) -> str:
        return f"{self.picture}_{self.number}"


def read_index(folder: Path, names: Path, keep: ObjectFilter, layout: str) -> Listing[VocObject]:
    """Reads the annotations and outlines of a split.

    Args:
        folder: VOC2012.
        names: the file that lists the split's pictures.
        keep: which objects are wanted.
        layout: a clause on what to fetch, for messages.

    Raises:
        InputError: the list is no text.
        SettingError: a class is wanted that there is none of.
    """
    try:
        lines = [line.strip() for line in names.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(f"{names} cannot be read as text: {error}. {layout}.") from error
    pictures = [line for line in lines if line]
    reader = _Reader(folder, names, keep, layout)
    progress = shown(pictures, f"reading {names.name}", "pictures")
    listing = listed((one for picture in progress for one in or_left_out(picture, reader.objects(picture))), names)
    keep.check_categories(reader.classes, folder / "Annotations")
    return listing


def outlines(folder: Path, picture: str, layout: str) -> NDArray[np.uint8]:
    """(H, W) numbers of a picture's objects; 0 is background, 255 a border.

    Raises:
        MissingFileError: there is no such file.
        InputError: it cannot be read.
    """
    return np.array(open_numbers(required(folder / "SegmentationObject" / f"{picture}.png", layout)))


class _Reader:
    """Reads one picture after the other, and notes the classes that occur. Arguments are `read_index`'s."""

    def __init__(self, folder: Path, names: Path, keep: ObjectFilter, layout: str) -> None:
        self.folder = folder
        self.names = names
        self.keep = keep
        self.layout = layout
        self.classes = set(_CLASSES)

    def objects(self, picture: str) -> Iterator[VocObject | LeftOut]:
        """The objects of a picture.

        Raises:
            BrokenObjectError: the picture's name leads elsewhere, or its XML is none.
            InputError: its outlines cannot be read.
            MissingFileError: one of its files is not there.
        """
        if not is_inside(picture):
            damage = f"{self.names} lists the picture {picture!r}, which lies outside {self.folder}. Correct the name."
            raise BrokenObjectError("file outside the root", damage)
        path = required(self.folder / "Annotations" / f"{picture}.xml", self.layout)
        elements = _elements(path)
        pixels = np.bincount(outlines(self.folder, picture, self.layout).ravel(), minlength=_VOID + 1)
        shares = (pixels / pixels.sum()).tolist()
        for number, element in enumerate(elements[: _VOID - 1], start=1):
            thing = VocObject(picture, number, _class_name(element))
            yield from or_left_out(thing.id, self._judged(thing, element, shares[number], path))
        for number in range(len(elements) + 1, _VOID):
            if pixels[number]:
                damage = f"{path} has no object {number}, but SegmentationObject outlines one. {self.layout}."
                yield LeftOut(f"{picture}_{number}", "unknown object", damage)

    def _judged(self, thing: VocObject, element: Any, share: float, path: Path) -> Iterator[VocObject | LeftOut]:
        if not thing.class_name:
            damage = f"{path}: object {thing.number} has no name. Correct or remove the file."
            raise BrokenObjectError("unknown class", damage)
        self.classes.add(thing.class_name)
        box = element.find("bndbox")
        if box is not None and not _is_box(box):
            corners = {side.tag: side.text for side in box}
            damage = f"{path}: object {thing.number} has the box {corners}. Correct it, or remove the file."
            raise BrokenObjectError("broken box", damage)
        reason = "no outline" if share == 0 else self.keep.reason(share, thing.class_name)
        yield thing if reason is None else LeftOut(thing.id, reason)


def _elements(path: Path) -> list[Any]:
    """The <object> elements of an annotation."""
    try:
        return list(parse_xml(path).findall("object"))
    except (ParseError, DefusedXmlException, OSError, ValueError, LookupError) as error:
        damage = (
            f"{path} cannot be read as VOC's XML ({type(error).__name__}: {error}). Unpack the official file again."
        )
        raise BrokenObjectError("broken annotation", damage) from error


def _class_name(element: Any) -> str:
    name = (element.findtext("name") or "").strip()
    return _IN_WORDS.get(name, name)


def _is_box(element: Any) -> bool:
    """Whether the corners are numbers and in order."""
    try:
        left, top, right, bottom = (float(element.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))
    except (TypeError, ValueError):
        return False
    return is_finite_box((left, top, right, bottom)) and left <= right and top <= bottom
