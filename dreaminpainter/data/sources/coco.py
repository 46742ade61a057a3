"""COCO, and every dataset in COCO's own layout.

Example:
    >>> source = CocoSource("data/coco", split="val2017")  # reads nothing yet
    >>> source.name
    'coco'
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any

import torch
from pycocotools import mask as coco_mask

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.sources.base import Instance, SegmentationSource
from dreaminpainter.errors import DreamInpainterError, InputError, MissingFileError, SettingError
from dreaminpainter.pictures import open_stored, to_tensor

_LAYOUT = (
    "Fetch train2017.zip (18 GB), val2017.zip (1 GB) and annotations_trainval2017.zip (241 MB) from "
    "https://cocodataset.org/#download and unpack them side by side, so that the root holds annotations/, train2017/ "
    "and val2017/"
)


@dataclass(frozen=True)
class _Picture:
    file_name: str
    width: int
    height: int
    licence: str | None
    captions: tuple[str, ...]


@dataclass(frozen=True)
class _Object:
    id: int
    image_id: int
    class_name: str
    run_lengths: dict[str, Any]
    """The mask as pycocotools' compressed run lengths: a tenth of the polygons' size, and one form for all."""


@dataclass(frozen=True)
class _Index:
    pictures: dict[int, _Picture]
    objects: list[_Object]
    left_out: Counter[str]


class CocoSource(SegmentationSource):
    """The objects of COCO 2017, or of a dataset in its layout.

    Fetch these official files from https://cocodataset.org/#download and unpack them into one folder, the root:
    `train2017.zip` (118,287 pictures, 18 GB), `val2017.zip` (5,000 pictures, 1 GB) and `annotations_trainval2017.zip`
    (241 MB):

        root/annotations/instances_train2017.json    outlines and classes
        root/annotations/captions_train2017.json     five captions a picture; may be absent
        root/train2017/000000000009.jpg ...          the pictures

    Crowds, which COCO outlines as one, are left out. Annotations count the pixels as they are stored, so a picture's
    EXIF orientation is not applied.

    Args:
        root: the folder that holds `annotations/` and the pictures' folder.
        split: name of the pictures' folder, and the end of the annotation files' names.
        min_area: objects that cover a smaller share of their picture are left out.
        max_area: objects that cover a larger share of their picture are left out.
        categories: names of the classes to keep; None for all.
    """

    name = "coco"

    def __init__(
        self,
        root: str,
        split: str = "train2017",
        min_area: float = 0.02,
        max_area: float = 0.5,
        categories: list[str] | None = None,
    ) -> None:
        self.root = root
        self.split = split
        self.min_area = min_area
        self.max_area = max_area
        self.categories = categories

    def __len__(self) -> int:
        return len(self._index.objects)

    def __getitem__(self, index: int) -> Instance:
        """The instance at `index`.

        Raises:
            InputError: the picture cannot be read, lies outside the root, or has another size than its annotations.
            MissingFileError: the picture is not there.
        """
        thing = self._index.objects[index]
        picture = self._index.pictures[thing.image_id]
        mask = torch.from_numpy(coco_mask.decode(thing.run_lengths)).bool()[None]
        left, top, right, bottom = boxes_of(mask[None])[0].tolist()
        return Instance(
            image=self._read(picture),
            mask=mask,
            class_name=thing.class_name,
            box=(left, top, right, bottom),
            captions=list(picture.captions),
            source=self.name,
            id=str(thing.id),
            licence=picture.licence,
        )

    def id_of(self, index: int) -> str:
        return str(self._index.objects[index].id)

    @property
    def left_out(self) -> Counter[str]:
        """Counts of "crowd", "other class", "no outline", "too small" and "too large"."""
        return Counter(self._index.left_out)

    def _read(self, picture: _Picture) -> torch.Tensor:
        # Either system's separators, drives and roots count, whatever the system that this runs on.
        name = PureWindowsPath(picture.file_name)
        if name.anchor or ".." in name.parts:
            raise InputError(
                f"{self._annotations('instances')} names the picture {picture.file_name!r}, which lies outside "
                f"{Path(self.root) / self.split}. Correct its file_name."
            )
        path = Path(self.root) / self.split / picture.file_name
        if not path.exists():
            raise MissingFileError(f"There is no picture {path}, which the annotations name. {_LAYOUT}.")
        image = open_stored(path, [])
        if image.size != (picture.width, picture.height):
            raise InputError(
                f"{path} is {image.width} x {image.height} pixels (width x height), but its annotations were made for "
                f"{picture.width} x {picture.height}. Put the original picture there, unturned and not resized."
            )
        return to_tensor(image)

    def _annotations(self, kind: str) -> Path:
        return Path(self.root) / "annotations" / f"{kind}_{self.split}.json"

    @cached_property
    def _index(self) -> _Index:
        path = self._annotations("instances")
        if not path.exists():
            raise MissingFileError(f"There is no file {path}. {_LAYOUT}.")
        try:
            return self._read_index(_read_json(path))
        except DreamInpainterError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise InputError(
                f"{path}, or its captions file, is not in COCO's format ({type(error).__name__}: {error}). {_LAYOUT}."
            ) from error

    def _read_index(self, data: dict[str, Any]) -> _Index:
        class_names = {category["id"]: str(category["name"]) for category in data["categories"]}
        wanted = self._wanted(set(class_names.values()))
        pictures = self._pictures(data)
        objects: list[_Object] = []
        left_out: Counter[str] = Counter()
        for annotation in data["annotations"]:
            class_name = class_names[annotation["category_id"]]
            picture = pictures[annotation["image_id"]]
            run_lengths = _run_lengths(annotation, picture)
            area = 0 if run_lengths is None else int(coco_mask.area(run_lengths))
            share = area / (picture.width * picture.height)
            if annotation.get("iscrowd"):
                left_out["crowd"] += 1
            elif class_name not in wanted:
                left_out["other class"] += 1
            elif run_lengths is None or area == 0:
                left_out["no outline"] += 1
            elif share < self.min_area:
                left_out["too small"] += 1
            elif share > self.max_area:
                left_out["too large"] += 1
            else:
                objects.append(_Object(annotation["id"], annotation["image_id"], class_name, run_lengths))
        twice = [id_ for id_, count in Counter(thing.id for thing in objects).items() if count > 1]
        if twice:
            raise InputError(
                f"{self._annotations('instances')} has several annotations of id {twice[0]}. Number them anew."
            )
        return _Index(pictures, objects, left_out)

    def _wanted(self, known: set[str]) -> set[str]:
        wanted = known if self.categories is None else set(self.categories)
        for name in sorted(wanted - known):
            near = get_close_matches(name, known)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(sorted(known))}."
            raise SettingError(f"categories: {self._annotations('instances')} has no class {name!r}. {hint}")
        return wanted

    def _pictures(self, data: dict[str, Any]) -> dict[int, _Picture]:
        licences = {
            licence["id"]: f"{licence['name']} ({licence['url']})" if licence.get("url") else str(licence["name"])
            for licence in data.get("licenses", [])
        }
        captions: defaultdict[int, list[str]] = defaultdict(list)
        path = self._annotations("captions")
        if path.exists():
            for annotation in _read_json(path)["annotations"]:
                captions[annotation["image_id"]].append(annotation["caption"].strip())
        return {
            image["id"]: _Picture(
                image["file_name"],
                image["width"],
                image["height"],
                licences.get(image.get("license")),
                tuple(captions[image["id"]]),
            )
            for image in data["images"]
        }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}. Unpack the official file again.") from error
    if not isinstance(data, dict):
        raise InputError(f"{path} is not in COCO's format: it holds a {type(data).__name__}. {_LAYOUT}.")
    return data


def _run_lengths(annotation: dict[str, Any], picture: _Picture) -> dict[str, Any] | None:
    """The outline as compressed run lengths; None where there is none."""
    size = [picture.height, picture.width]
    outline = annotation.get("segmentation")
    if not isinstance(outline, dict):
        # Fewer than three points have no area, and pycocotools would read two as a box.
        polygons = [polygon for polygon in outline or [] if len(polygon) >= 6]
        merged: dict[str, Any] | None = None
        if polygons:
            merged = coco_mask.merge(coco_mask.frPyObjects(polygons, *size))
        return merged
    if list(outline["size"]) != size:
        raise InputError(
            f"The run lengths of annotation {annotation['id']} are for {outline['size']} (height, width), but its "
            f"picture {picture.file_name} is {size}. Correct the annotation."
        )
    if isinstance(outline["counts"], list):
        outline = coco_mask.frPyObjects(outline, *size)
        return {"size": size, "counts": outline["counts"]}
    return {"size": size, "counts": outline["counts"].encode()}
