"""COCO, LVIS, and every dataset in their layout.

Example:
    >>> source = CocoSource("data/coco", split="val2017")  # reads nothing yet
    >>> source.name
    'coco'
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.run_lengths import decode
from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource
from dreaminpainter.data.sources.coco_index import CocoIndex, read_index
from dreaminpainter.data.sources.contents import content_of_file
from dreaminpainter.data.sources.files import inside, read_picture, required
from dreaminpainter.data.sources.filter import ObjectFilter

_LAYOUT = (
    "Fetch train2017.zip (18 GB), val2017.zip (1 GB) and annotations_trainval2017.zip (241 MB) from "
    "https://cocodataset.org/#download and unpack them side by side, so that the root holds annotations/, train2017/ "
    "and val2017/"
)


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
        keep: which objects are wanted; an `ObjectFilter` with its defaults where left out.
    """

    name = "coco"
    keep: ObjectFilter
    layout = _LAYOUT
    """What to fetch, as a clause for errors."""

    def __init__(self, root: str, split: str = "train2017", keep: ObjectFilter | None = None) -> None:
        self.root = root
        self.split = split
        self.keep = keep or ObjectFilter()

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
        path = self.picture_of(index).path
        mask = decode(thing.run_lengths)
        left, top, right, bottom = boxes_of(mask[None])[0].tolist()
        return Instance(
            image=read_picture(path, self.layout, (picture.width, picture.height)),
            mask=mask,
            class_name=thing.class_name,
            box=(left, top, right, bottom),
            captions=list(picture.captions),
            source=self.name,
            id=thing.id,
            licence=picture.licence,
        )

    def id_of(self, index: int) -> str:
        return self._index.objects[index].id

    def picture_of(self, index: int) -> PictureFile:
        picture = self._index.pictures[self._index.objects[index].image_id]
        return PictureFile(inside(self._folder, picture.file, self._annotations), upright=False)

    def content_of(self, index: int) -> str:
        return content_of_file(self.picture_of(index), self.layout)

    def reference_content_of(self, index: int) -> None:
        """Subjects are cut out of their own pictures."""

    @property
    def left_out(self) -> list[LeftOut]:
        """Besides what the filter leaves out: "crowd", "no outline", and what is broken."""
        return self._index.left_out

    @property
    def _annotations(self) -> Path:
        return Path(self.root) / "annotations" / f"instances_{self.split}.json"

    @property
    def _captions(self) -> list[Path]:
        return [Path(self.root) / "annotations" / f"captions_{self.split}.json"]

    @property
    def _folder(self) -> Path:
        return Path(self.root) / self.split

    def _file_of(self, image: dict[str, Any]) -> str:
        return str(image["file_name"])

    @cached_property
    def _index(self) -> CocoIndex:
        path = required(self._annotations, self.layout)
        return read_index(path, self._captions, self.keep, self._file_of, self.layout)


class LvisSource(CocoSource):
    """The objects of LVIS v1: 1,203 classes on the pictures of COCO 2017.

    Fetch `lvis_v1_train.json.zip` (1 GB unpacked) and `lvis_v1_val.json.zip` (190 MB) from
    https://www.lvisdataset.org/dataset and unpack them beside COCO's annotations; the pictures are COCO's own
    (`CocoSource` says where they come from), and so are the captions:

        root/annotations/lvis_v1_train.json          outlines and classes
        root/annotations/captions_train2017.json     may be absent; captions_val2017.json likewise
        root/train2017/000000000009.jpg ...          the pictures of both splits
        root/val2017/000000000139.jpg ...

    LVIS is federated: of a picture's objects only those of some classes are outlined, and not always all of them. Each
    outlined object is an instance; nothing is concluded from what is not outlined.

    Args:
        root: the folder that holds `annotations/` and the pictures' folders.
        split: train or val.
        keep: which objects are wanted; an `ObjectFilter` with its defaults where left out.
    """

    name = "lvis"
    layout = (
        "Fetch lvis_v1_train.json.zip and lvis_v1_val.json.zip from https://www.lvisdataset.org/dataset, unpack them "
        "into ROOT/annotations, and COCO's train2017.zip (18 GB) and val2017.zip (1 GB) from "
        "https://cocodataset.org/#download into ROOT"
    )

    def __init__(self, root: str, split: str = "train", keep: ObjectFilter | None = None) -> None:
        super().__init__(root, split, keep)

    @property
    def _annotations(self) -> Path:
        return Path(self.root) / "annotations" / f"lvis_v1_{self.split}.json"

    @property
    def _captions(self) -> list[Path]:
        return [Path(self.root) / "annotations" / f"captions_{split}2017.json" for split in ("train", "val")]

    @property
    def _folder(self) -> Path:
        return Path(self.root)

    def _file_of(self, image: dict[str, Any]) -> str:
        """LVIS names no files: the end of the picture's address at COCO is folder and name."""
        return "/".join(image["coco_url"].split("/")[-2:])
