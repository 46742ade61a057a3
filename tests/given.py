"""Instances made on the spot, as a source: for data that is broken in a known way."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.masking import BoxMask
from dreaminpainter.data.sources import Instance, LeftOut, SegmentationSource


class Given(SegmentationSource):
    """The instances that it is given, without a file."""

    name = "given"

    def __init__(self, instances: list[Instance], damaged: list[LeftOut] | None = None) -> None:
        self.instances = instances
        self.damaged = damaged or []

    def __len__(self) -> int:
        return len(self.instances)

    def __getitem__(self, index: int) -> Instance:
        return replace(self.instances[index])

    @property
    def left_out(self) -> list[LeftOut]:
        return self.damaged


def scene(seed: int = 0, height: int = 96, width: int = 128) -> Tensor:
    """(3, height, width) uint8: coarse noise, every seed another picture."""
    drawn = torch.randint(0, 256, (3, height // 8, width // 8), generator=torch.Generator().manual_seed(seed))
    return drawn.to(torch.uint8).repeat_interleave(8, 1).repeat_interleave(8, 2)


def square(height: int = 96, width: int = 128, left: int = 40, top: int = 24, side: int = 48) -> Tensor:
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, top : top + side, left : left + side] = True
    return mask


def instance(number: int, **changes: Any) -> Instance:
    """A sound one: a square of 48 px in a picture of its own."""
    sound: dict[str, Any] = {
        "image": scene(number),
        "mask": square(),
        "class_name": "dog",
        "box": (40, 24, 88, 72),
        "captions": [f"dog number {number} runs"],
        "source": "given",
        "id": str(number),
    }
    return Instance(**(sound | changes))


def sound(count: int, start: int = 0) -> list[Instance]:
    return [instance(number) for number in range(start, start + count)]


def module(train: dict[str, SegmentationSource], **settings: Any) -> InpaintingDataModule:
    """A data module of small pictures; nothing to validate on unless it is given."""
    small: dict[str, Any] = {"height": 32, "width": 32, "reference_size": 32, "batch_size": 1, "mask": BoxMask()}
    return InpaintingDataModule(train, **({"validation": {}} | small | settings))
