"""What COCO's annotation files say, object by object; a broken object is left out and named, the rest goes on."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreaminpainter.data.run_lengths import BrokenOutlineError, RunLengths, area_of, from_counts, from_polygons
from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.filter import ObjectFilter, is_finite_box
from dreaminpainter.data.sources.listing import listed
from dreaminpainter.errors import InputError
from dreaminpainter.paths import is_inside

_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What code that reads a record meets where the record is not of the format."""


@dataclass(frozen=True)
class CocoPicture:
    """A picture of the annotations; `file` is relative to the pictures' folder."""

    file: str
    width: int
    height: int
    licence: str | None
    captions: tuple[str, ...]


@dataclass(frozen=True)
class CocoObject:
    """An object of the annotations."""

    id: str
    image_id: int
    class_name: str
    run_lengths: RunLengths
    """The mask as compressed run lengths: a tenth of the polygons' size, and one form for all."""


@dataclass(frozen=True)
class CocoIndex:
    """All of them."""

    pictures: dict[int, CocoPicture]
    objects: list[CocoObject]
    left_out: list[LeftOut]


def read_index(
    path: Path,
    caption_paths: Iterable[Path],
    keep: ObjectFilter,
    file_of: Callable[[dict[str, Any]], str],
    layout: str,
) -> CocoIndex:
    """Reads the annotations.

    Args:
        path: the file of the instances.
        caption_paths: files of captions; those that are not there are passed over.
        keep: which objects are wanted.
        file_of: the file of a picture, relative to the pictures' folder, from its record.
        layout: a clause on what to fetch, for messages.

    Raises:
        InputError: a file is no JSON, or its head is not of the format.
        SettingError: a class is wanted that there is none of.
    """
    data = _read_json(path, layout)
    try:
        class_names = {category["id"]: str(category["name"]).replace("_", " ") for category in data["categories"]}
        pictures = _pictures(data, _captions(caption_paths, layout), file_of)
        annotations: list[Any] = list(data["annotations"])
    except _DAMAGE as error:
        raise InputError(
            f"{path}, or its captions file, is not in COCO's format ({type(error).__name__}: {error}). {layout}."
        ) from error
    keep.check_categories(class_names.values(), path)
    listing = listed(_judged(annotations, class_names, pictures, keep, path), path)
    return CocoIndex(pictures, listing.objects, listing.left_out)


def _judged(
    annotations: list[Any],
    class_names: dict[int, str],
    pictures: dict[int, CocoPicture],
    keep: ObjectFilter,
    path: Path,
) -> Iterator[CocoObject | LeftOut]:
    for place, annotation in enumerate(annotations):
        id_ = annotation.get("id") if isinstance(annotation, dict) else None
        id_ = f"no. {place}" if id_ is None else str(id_)
        name = f"{path}: annotation {id_}"
        try:
            yield _judge(annotation, class_names, pictures, keep)
        except _BrokenError as error:
            yield LeftOut(id_, error.reason, f"{name} {error}. Correct or remove it.")
        except _DAMAGE as error:
            damage = f"{name} is not in COCO's format ({type(error).__name__}: {error}). Correct or remove it."
            yield LeftOut(id_, "broken annotation", damage)


class _BrokenError(ValueError):
    """An annotation that cannot be used; its reason is the same for all of its kind."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _judge(
    annotation: dict[str, Any],
    class_names: dict[int, str],
    pictures: dict[int, CocoPicture],
    keep: ObjectFilter,
) -> CocoObject | LeftOut:
    if annotation["category_id"] not in class_names:
        raise _BrokenError("unknown class", f"is of class {annotation['category_id']}, which the file does not list")
    if annotation["image_id"] not in pictures:
        raise _BrokenError("unknown picture", f"is of picture {annotation['image_id']}, which the file does not list")
    if not is_finite_box(annotation.get("bbox", ())):
        raise _BrokenError("broken box", f"has the box {annotation['bbox']}")
    if not is_inside(pictures[annotation["image_id"]].file):
        name = pictures[annotation["image_id"]].file
        raise _BrokenError("file outside the root", f"is of the file {name!r}, which lies outside the pictures' folder")
    class_name, picture = class_names[annotation["category_id"]], pictures[annotation["image_id"]]
    id_ = str(annotation["id"])
    if annotation.get("iscrowd"):
        return LeftOut(id_, "crowd")
    unwanted = keep.reason(class_name=class_name, licence=picture.licence)
    if unwanted:
        return LeftOut(id_, unwanted)
    run_lengths = _run_lengths(annotation, picture)
    area = 0 if run_lengths is None else area_of(run_lengths)
    if run_lengths is None or area == 0:
        return LeftOut(id_, "no outline")
    unwanted = keep.reason(area=area / (picture.width * picture.height), licence=picture.licence)
    if unwanted:
        return LeftOut(id_, unwanted)
    return CocoObject(id_, annotation["image_id"], class_name, run_lengths)


def _run_lengths(annotation: dict[str, Any], picture: CocoPicture) -> RunLengths | None:
    """The outline as compressed run lengths; None where there is none."""
    size = (picture.height, picture.width)
    outline = annotation.get("segmentation")
    if not outline:
        return None
    if isinstance(outline, dict) and tuple(outline["size"]) != size:
        raise _BrokenError(
            "mask of another size",
            f"has run lengths for {outline['size']} (height, width), but its picture {picture.file} is {list(size)}",
        )
    try:
        return from_counts(outline["counts"], size) if isinstance(outline, dict) else from_polygons(outline, size)
    except BrokenOutlineError as error:
        raise _BrokenError("broken outline", str(error)) from error


def _pictures(
    data: dict[str, Any], captions: dict[int, list[str]], file_of: Callable[[dict[str, Any]], str]
) -> dict[int, CocoPicture]:
    licences = {
        licence["id"]: f"{licence['name']} ({licence['url']})" if licence.get("url") else str(licence["name"])
        for licence in data.get("licenses", [])
    }
    return {
        image["id"]: CocoPicture(
            file_of(image),
            image["width"],
            image["height"],
            licences.get(image.get("license")),
            tuple(captions.get(image["id"], ())),
        )
        for image in data["images"]
    }


def _captions(paths: Iterable[Path], layout: str) -> dict[int, list[str]]:
    captions: defaultdict[int, list[str]] = defaultdict(list)
    for path in paths:
        if path.exists():
            for annotation in _read_json(path, layout)["annotations"]:
                captions[annotation["image_id"]].append(annotation["caption"].strip())
    return captions


def _read_json(path: Path, layout: str) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}. Unpack the official file again.") from error
    if not isinstance(data, dict):
        raise InputError(f"{path} is not in COCO's format: it holds a {type(data).__name__}. {layout}.")
    return data
