"""Open Images V5 to V7, and every dataset in their layout.

Example:
    >>> source = OpenImagesSource("data/openimages", split="validation")  # reads nothing yet
    >>> source.name
    'openimages'
"""

from functools import cached_property
from pathlib import Path

from PIL import Image
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource
from dreaminpainter.data.sources.contents import content_of_file
from dreaminpainter.data.sources.files import read_picture, required
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.openimages_index import LICENCE, OpenImagesIndex, read_index
from dreaminpainter.errors import InputError
from dreaminpainter.pictures import mask_to_tensor, open_mask

_LAYOUT = (
    "From https://storage.googleapis.com/openimages/web/download_v7.html fetch the class names "
    "(oidv7-class-descriptions-boxable.csv), a split's segmentation and box CSV files into ROOT/annotations, its "
    "masks (SPLIT-masks-0.zip to f) unpacked into ROOT/masks/SPLIT, and its pictures (train 513 GB, validation 12 GB, "
    "test 36 GB) into ROOT/SPLIT"
)


class OpenImagesSource(SegmentationSource):
    """The outlined objects of Open Images V5 to V7, whose outlines are the same, or of a dataset in their layout.

    Fetch these official files by way of https://storage.googleapis.com/openimages/web/download_v7.html into one
    folder, the root: a split's pictures (train 513 GB, validation 12 GB, test 36 GB; only pictures with outlines are
    read), its masks (16 archives, `train-masks-0.zip` to `f`) and its CSV files:

        root/annotations/oidv7-class-descriptions-boxable.csv            or class-descriptions-boxable.csv
        root/annotations/train-annotations-object-segmentation.csv       2.7 million objects, a row each
        root/annotations/oidv6-train-annotations-bbox.csv                or train-annotations-bbox.csv; may be absent
        root/masks/train/fe2c7a1f4f2bb6d2_m01g317_b4d1b3a7.png ...       a mask an object
        root/train/fe2c7a1f4f2bb6d2.jpg ...                              the pictures

    Objects that the boxes' file marks as a group or as a depiction, such as a drawing, are left out: "group" and
    "depiction". Where that file is absent nothing is known of this, and they are all kept.

    How large an object is can be told only once its mask is read. Until then its box stands in: objects whose box is
    too small are left out at once, and preparing leaves out by the mask itself. On the fly, objects are kept that only
    their mask shows to be too small or too large.

    Masks may be of another size than their picture; they are brought to the picture's size, each pixel taking the
    nearest one. An object's id is its mask's file name without ".png". All pictures were published as CC BY 2.0.

    Args:
        root: the folder that holds `annotations/`, `masks/` and the pictures' folder.
        split: train, validation or test.
        keep: which objects are wanted; an `ObjectFilter` with its defaults where left out.
    """

    name = "openimages"
    keep: ObjectFilter

    def __init__(self, root: str, split: str = "train", keep: ObjectFilter | None = None) -> None:
        self.root = root
        self.split = split
        self.keep = keep or ObjectFilter()

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: int) -> Instance:
        """The instance at `index`.

        Raises:
            InputError: the picture or the mask cannot be read, the mask is empty, or of another shape than the picture.
            MissingFileError: the picture or the mask is not there.
        """
        image = read_picture(self.picture_of(index).path, _LAYOUT)
        mask = self._mask(index, image)
        left, top, right, bottom = boxes_of(mask[None])[0].tolist()
        return Instance(
            image=image,
            mask=mask,
            class_name=self._index.class_name(index),
            box=(left, top, right, bottom),
            captions=[],
            source=self.name,
            id=self.id_of(index),
            licence=LICENCE,
        )

    def id_of(self, index: int) -> str:
        return self._index.mask(index).removesuffix(".png")

    def content_of(self, index: int) -> str:
        return content_of_file(self.picture_of(index), _LAYOUT)

    def reference_content_of(self, index: int) -> None:
        """Subjects are cut out of their own pictures."""

    def picture_of(self, index: int) -> PictureFile:
        return PictureFile(Path(self.root) / self.split / f"{self._index.picture(index)}.jpg", upright=False)

    @property
    def left_out(self) -> list[LeftOut]:
        """Besides what the filter leaves out: "group", "depiction", and what is broken."""
        return self._index.left_out

    def _mask(self, index: int, image: Tensor) -> Tensor:
        """(1, H, W) bool."""
        path = Path(self.root) / "masks" / self.split / self._index.mask(index)
        mask = open_mask(required(path, _LAYOUT), [])
        height, width = image.shape[1:]
        # Rounding makes the shapes of small masks differ a little; turned pictures differ by far more.
        if abs(mask.width / width - mask.height / height) > 0.05 * mask.height / height:
            raise InputError(
                f"The mask {path} is {mask.width} x {mask.height} pixels (width x height), its picture {width} x "
                f"{height}: another shape. Put the original picture there, neither turned nor cropped."
            )
        resized = mask.resize((width, height), Image.Resampling.NEAREST)
        if resized.getbbox() is None:
            raise InputError(f"The mask {path} is empty at its picture's size, {width} x {height}. Remove its row.")
        return mask_to_tensor(resized)

    @cached_property
    def _index(self) -> OpenImagesIndex:
        return read_index(Path(self.root) / "annotations", self.split, self.keep, _LAYOUT)
