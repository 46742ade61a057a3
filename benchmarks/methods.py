"""The ways to fill a hole that the table of the critters compares."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.encoding import decode_latents, encode_images
from dreaminpainter.filling import fill_batch
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.types import Batch

Method = Callable[[Batch], Tensor]
"""From a batch to (B, 3, H, W) in [0, 1], its holes filled."""


class Model:
    """A trained model.

    Args:
        pipeline: what fills.
        settings: further arguments of the pipeline.
    """

    def __init__(self, pipeline: DreamInpainterPipeline, **settings: float) -> None:
        self.pipeline = pipeline
        self.settings = settings

    def __call__(self, batch: Batch) -> Tensor:
        images: Tensor = fill_batch(self.pipeline, batch, **self.settings).images
        return images


class Wordless(Model):
    """The same, asked with an empty text."""

    def __call__(self, batch: Batch) -> Tensor:
        return super().__call__(replace(batch, caption=[""] * len(batch)))


class Coded:
    """The ceiling of what a model can draw: what was drawn there, through its autoencoder and back.

    Args:
        vae: the autoencoder.
    """

    def __init__(self, vae: Any) -> None:
        self.vae = vae

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        coded = decode_latents(self.vae, encode_images(self.vae, batch.image))
        return torch.where(batch.mask > 0.5, coded, batch.image) / 2 + 0.5


def truth(batch: Batch) -> Tensor:
    """The ceiling: what was drawn there."""
    return batch.image / 2 + 0.5


def another_drawing(batch: Batch) -> Tensor:
    """The floor: the next sample's drawing, brought from its hole's size to this one's. It knows nothing of either."""
    return _into_holes(batch, _cuts(batch.image.roll(-1, 0), boxes_of(batch.mask.roll(-1, 0))))


def collage(batch: Batch) -> Tensor:
    """The reference's cut-out in the middle of the hole, as large as subjects are there, on the scene's mean colour."""
    around = 1 - batch.mask
    background = (batch.image * around).sum((2, 3), keepdim=True) / around.sum((2, 3), keepdim=True).clamp_min(1)
    fills = []
    for row, (left, top, right, bottom) in enumerate(boxes_of(batch.mask).long().tolist()):
        side = round(min(right - left, bottom - top) / 1.5)  # holes are 1.2 to 1.8 times as large as what they hold
        both = torch.cat([batch.reference.pixels[row], batch.reference.mask[row]])[None]
        small = F.interpolate(both, size=(side, side), mode="bilinear", antialias=True)[0]
        fill = background[row].expand(-1, bottom - top, right - left).clone()
        x, y = (right - left - side) // 2, (bottom - top - side) // 2
        window = fill[:, y : y + side, x : x + side]
        window.copy_(window.lerp(small[:3], small[3:]))
        fills.append(fill)
    return _into_holes(batch, fills)


def _cuts(images: Tensor, boxes: Tensor) -> list[Tensor]:
    return [
        image[:, top:bottom, left:right]
        for image, (left, top, right, bottom) in zip(images, boxes.long().tolist(), strict=True)
    ]


def _into_holes(batch: Batch, fills: list[Tensor]) -> Tensor:
    """(B, 3, H, W) in [0, 1]: the scenes, each hole's box filled with a picture (3, h, w) in [-1, 1] of any size."""
    filled = batch.image.clone()
    for row, (left, top, right, bottom) in enumerate(boxes_of(batch.mask).long().tolist()):
        size = (bottom - top, right - left)
        filled[row, :, top:bottom, left:right] = F.interpolate(fills[row][None], size=size, mode="bilinear")[0]
    return (torch.where(batch.mask > 0.5, filled, batch.image) / 2 + 0.5).clamp(0, 1)
