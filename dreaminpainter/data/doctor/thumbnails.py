"""Small pictures for the contact sheet, as addresses that hold the picture themselves."""

import base64
from dataclasses import dataclass
from io import BytesIO

from torch import Tensor

from dreaminpainter.cutout import resize_together
from dreaminpainter.data.sources.base import Instance
from dreaminpainter.levels import from_levels, to_levels
from dreaminpainter.types import Batch
from dreaminpainter.visualization import show_hole, show_outline, to_image

_SIDE = 208
"""Longest side in pixels."""


@dataclass(frozen=True)
class Thumbnails:
    """Of one object, each a `data:` address.

    Args:
        outline: the whole picture with the outline of the mask.
        hole: the scene with its hole, as training would crop it; empty where no sample could be made.
        reference: cut out and augmented as training would; empty likewise.
    """

    outline: str
    hole: str = ""
    reference: str = ""


def thumbnails(instance: Instance, batch: Batch | None) -> Thumbnails:
    """Draws them.

    Args:
        instance: the object.
        batch: the sample that was made of it, a batch of one; None where there is none.
    """
    outline = show_outline(*_small(instance.image, instance.mask))
    if batch is None:
        return Thumbnails(data_address(outline))
    reference, _ = _small(to_levels(batch.reference.pixels[0]), batch.reference.mask[0])
    return Thumbnails(
        data_address(outline),
        data_address(show_hole(*_small(to_levels(batch.image[0]), batch.mask[0]))),
        data_address(reference / 2 + 0.5),
    )


def data_address(picture: Tensor) -> str:
    """A JPEG of (3, H, W) in [0, 1] as a `data:` address."""
    buffer = BytesIO()
    to_image(picture).save(buffer, "jpeg", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _small(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Picture in [-1, 1] and mask, of (3, H, W) uint8 and (1, H, W)."""
    height, width = image.shape[1:]
    factor = _SIDE / max(height, width)
    levels, small = resize_together(image, mask, (max(round(height * factor), 1), max(round(width * factor), 1)))
    return from_levels(levels), small
