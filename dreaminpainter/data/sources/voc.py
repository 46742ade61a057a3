"""Pascal VOC 2012, and every dataset in its layout.

Example:
    >>> source = VocSource("data/voc", split="val")  # reads nothing yet
    >>> source.name
    'voc'
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource
from dreaminpainter.data.sources.contents import content_of_file
from dreaminpainter.data.sources.files import read_picture, required
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.listing import Listing
from dreaminpainter.data.sources.voc_index import VocObject, outlines, read_index
from dreaminpainter.errors import InputError

_LAYOUT = (
    "Fetch VOCtrainval_11-May-2012.tar (2 GB) from http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ and unpack it into "
    "the root, so that it holds VOCdevkit/VOC2012/ with Annotations/, ImageSets/, JPEGImages/ and SegmentationObject/"
)


class VocSource(SegmentationSource):
    """The outlined objects of Pascal VOC 2012, or of a dataset in its layout.

    Fetch `VOCtrainval_11-May-2012.tar` (2 GB; 2,913 of its 17,125 pictures are outlined) from
    http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ and unpack it into one folder, the root:

        root/VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt       the pictures of the split, a name a line
        root/VOCdevkit/VOC2012/Annotations/2007_000032.xml            the objects of a picture and their classes
        root/VOCdevkit/VOC2012/SegmentationObject/2007_000032.png     their outlines: pixels hold the objects' numbers
        root/VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg             the picture

    The first question reads all outlines of the split, with a progress bar, since areas are not written down. Number n
    is the n-th object of the XML file; 0 is background and 255 the border of some pixels between objects. The border is
    nobody's here (our choice), so masks are a little tighter than the objects. Objects that are marked as truncated or
    difficult are kept: they are outlined all the same, and the filter by area leaves out what is too small to see.

    An object's id is its picture's name and its number, such as `2007_000032_1`. Class names are in words: VOC's
    diningtable, pottedplant and tvmonitor are "dining table", "potted plant" and "tv monitor". Licences are not known.

    Args:
        root: the folder that holds `VOCdevkit/`.
        split: train, val or trainval: a file in `ImageSets/Segmentation`.
        keep: which objects are wanted; an `ObjectFilter` with its defaults where left out.
    """

    name = "voc"
    keep: ObjectFilter

    def __init__(self, root: str, split: str = "train", keep: ObjectFilter | None = None) -> None:
        self.root = root
        self.split = split
        self.keep = keep or ObjectFilter()

    def __len__(self) -> int:
        return len(self._index.objects)

    def __getitem__(self, index: int) -> Instance:
        """The instance at `index`.

        Raises:
            InputError: the picture or its outlines cannot be read, or differ in size.
            MissingFileError: one of them is not there.
        """
        thing = self._index.objects[index]
        numbers = outlines(self._folder, thing.picture, _LAYOUT)
        mask = torch.from_numpy(numbers == thing.number)[None]
        if not mask.any():
            raise InputError(f"{self._folder / 'SegmentationObject'} outlines {thing.id} no more. {_LAYOUT}.")
        left, top, right, bottom = boxes_of(mask[None])[0].tolist()
        height, width = np.shape(numbers)
        return Instance(
            image=read_picture(self.picture_of(index).path, _LAYOUT, (width, height)),
            mask=mask,
            class_name=thing.class_name,
            box=(left, top, right, bottom),
            captions=[],
            source=self.name,
            id=thing.id,
        )

    def id_of(self, index: int) -> str:
        return self._index.objects[index].id

    def content_of(self, index: int) -> str:
        return content_of_file(self.picture_of(index), _LAYOUT)

    def reference_content_of(self, index: int) -> None:
        """Subjects are cut out of their own pictures."""

    def picture_of(self, index: int) -> PictureFile:
        return PictureFile(self._folder / "JPEGImages" / f"{self._index.objects[index].picture}.jpg", upright=False)

    @property
    def left_out(self) -> list[LeftOut]:
        """Besides what the filter leaves out: "no outline", and what is broken, an object or a whole picture each."""
        return self._index.left_out

    @property
    def _folder(self) -> Path:
        return Path(self.root) / "VOCdevkit" / "VOC2012"

    @cached_property
    def _index(self) -> Listing[VocObject]:
        names = required(self._folder / "ImageSets" / "Segmentation" / f"{self.split}.txt", _LAYOUT)
        return read_index(self._folder, names, self.keep, _LAYOUT)
