"""Training samples as people make them around torchvision's `CocoDetection`: what our loading is set beside."""

import math
from pathlib import Path
from typing import Any

import torch
from pycocotools.coco import COCO
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.datasets import CocoDetection
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from dreaminpainter.data.sources.filter import ObjectFilter

Box = tuple[int, int, int, int]
"""Left, top, right and bottom; right and bottom lie one past the last."""

_SCALED = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)])


class DetectionSamples(Dataset[dict[str, Any]]):
    """A crop around each object, a box-shaped hole, and the object on white, mirrored and turned.

    The objects are those that `ObjectFilter` keeps; the crop, the hole and the turn have the ranges of `Framing`,
    `LooseBoxMask` and `FlipRotate`. Pictures stay uint8 until the end, as torchvision advises.

    Args:
        root: a folder in COCO's layout.
        split: name of the pictures' folder.
        size: side of scenes and references in pixels.
    """

    def __init__(self, root: Path, split: str, size: int) -> None:
        self.pictures = CocoDetection(str(root / split), str(root / "annotations" / f"instances_{split}.json"))
        self.objects = [
            (place, thing["id"])
            for place, image in enumerate(self.pictures.ids)
            for thing in self.pictures.coco.imgToAnns[image]
            if not thing["iscrowd"] and ObjectFilter().reason(_share(self.pictures.coco, thing)) is None
        ]
        self.size = size
        self.turn = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomRotation(
                    20, v2.InterpolationMode.BILINEAR, fill={tv_tensors.Image: 255, tv_tensors.Mask: 0, "others": 0}
                ),
            ]
        )

    def __len__(self) -> int:
        return len(self.objects)

    def __getitem__(self, index: int) -> dict[str, Any]:
        place, id = self.objects[index]
        picture, things = self.pictures[place]
        thing = next(one for one in things if one["id"] == id)
        image = tv_tensors.Image(picture)
        mask = torch.from_numpy(self.pictures.coco.annToMask(thing)).bool()[None]
        box = box_of(thing)
        window = crop(box, float(thing["area"]), image.shape[1:], self.size, torch.rand(3).tolist())
        class_name = self.pictures.coco.cats[thing["category_id"]]["name"]
        pixels, subject = self.turn(*reference(image, mask, box, self.size))
        return {
            "image": scene(image, window, self.size),
            "mask": hole(box, window, self.size, torch.rand(4).tolist()),
            "reference": _SCALED(pixels),
            "reference_mask": subject.float(),
            "class_name": class_name,
            "caption": f"a photo of a {class_name}",
            "id": str(id),
        }


def box_of(thing: dict[str, Any]) -> Box:
    """The box of an annotation in whole pixels."""
    left, top, width, height = thing["bbox"]
    return math.floor(left), math.floor(top), math.ceil(left + width), math.ceil(top + height)


def crop(box: Box, area: float, shape: tuple[int, ...], size: int, drawn: list[float]) -> Box:
    """A square window that holds the box, if the picture has room for it.

    Args:
        box: of the object.
        area: of the object in pixels.
        shape: height and width of the picture.
        size: that the window will have; it is no smaller, if the picture has room for it.
        drawn: uniform in [0, 1): how large it is, and where it lies down and across.
    """
    largest = min(shape)
    smallest = min(max(box[2] - box[0], box[3] - box[1], math.sqrt(area / 0.5), size), largest)
    side = min(math.ceil(smallest + drawn[0] * (largest - smallest) - 1e-6), largest)
    top = _start(box[1], box[3], shape[0], side, drawn[1])
    left = _start(box[0], box[2], shape[1], side, drawn[2])
    return left, top, left + side, top + side


def scene(image: Tensor, window: Box, size: int) -> Tensor:
    """(3, size, size) in [-1, 1]: what the window shows of the (3, H, W) uint8 picture."""
    left, top, right, bottom = window
    return torch.Tensor(_SCALED(functional.resized_crop(image, top, left, bottom - top, right - left, [size, size])))


def hole(box: Box, window: Box, size: int, drawn: list[float]) -> Tensor:
    """(1, size, size), 1 in a loose box around the object.

    Args:
        box: of the object in the picture.
        window: what is seen of the picture.
        size: that the window is resized to.
        drawn: uniform in [0, 1): the loose box's scale, aspect, and shift across and down.
    """
    scale, stretch = 1.2 + 0.6 * drawn[0], 1.5 ** (drawn[1] - 0.5)
    made = torch.zeros(1, size, size)
    spans = []
    for axis, factor in ((0, scale * stretch), (1, scale / stretch)):
        slack = (box[axis + 2] - box[axis]) * max(factor - 1, 0)
        start = box[axis] - slack * drawn[axis + 2]
        seen = [
            (one - window[axis]) * size / (window[axis + 2] - window[axis])
            for one in (start, start + box[axis + 2] - box[axis] + slack)
        ]
        spans.append(slice(max(math.floor(seen[0]), 0), math.ceil(seen[1])))
    made[:, spans[1], spans[0]] = 1
    return made


def reference(image: Tensor, mask: Tensor, box: Box, size: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """The object on white in the middle of a square: (3, size, size) uint8, and its (1, size, size) mask."""
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    side += 2 * math.ceil(0.05 * side)
    down, across = (side - bottom + top) // 2, (side - right + left) // 2
    border = [across, down, side - right + left - across, side - bottom + top - down]
    on_white = torch.where(mask[:, top:bottom, left:right], image[:, top:bottom, left:right], 255)
    pixels = functional.resize(functional.pad(on_white, border, fill=255), [size, size])
    subject = functional.pad(mask[:, top:bottom, left:right].byte(), border)
    subject = functional.resize(subject, [size, size], v2.InterpolationMode.NEAREST)
    return tv_tensors.Image(pixels), tv_tensors.Mask(subject)


def _start(low: int, high: int, length: int, side: int, drawn: float) -> int:
    first, last = max(0, high - side), min(low, length - side)
    if first <= last:
        return first + int(drawn * (last - first + 1))
    return min(max((low + high - side) // 2, 0), length - side)


def _share(coco: COCO, thing: dict[str, Any]) -> float:
    return float(coco.annToMask(thing).mean())
