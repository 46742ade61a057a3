"""The subject cut out, which is what the reference encoder sees (Fig. 2), for training and sampling alike.

Example:
    >>> image = torch.zeros(3, 40, 60, dtype=torch.uint8)
    >>> mask = torch.zeros(1, 40, 60, dtype=torch.bool)
    >>> mask[:, 10:30, 20:30] = True
    >>> pixels, subject = cut_out(image, mask, size=32)
    >>> pixels.shape, float(pixels[0, 0, 0]), float(pixels[0, 16, 16])
    (torch.Size([3, 32, 32]), 1.0, -1.0)
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.errors import InputError
from dreaminpainter.levels import from_levels


def cut_out(
    image: Tensor, mask: Tensor, size: int, margin: float = 0.05, background: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The subject in the middle of a square, on white or another background.

    What is not the subject turns into background before anything is resized, so edges blend into the background
    without a fringe of the old one. The paper shows the subject on white; crop and margin are our choice.

    Args:
        image: (3, H, W) uint8.
        mask: (1, H, W) bool, true on the subject.
        size: side of the square in pixels.
        margin: background around the subject's box on each side, as a share of the box's longer side.
        background: (3, H, W) uint8, what is seen around the subject, place by place; beyond its own edges they go on.
            None for white.

    Returns:
        (3, size, size) float in [-1, 1] and the subject's mask there, (1, size, size) float in {0, 1}.

    Raises:
        InputError: the mask is empty.
    """
    left, top, right, bottom = boxes_of(mask[None])[0].tolist()
    width, height = right - left, bottom - top
    side = max(height, width) + 2 * math.ceil(max(height, width) * margin)
    before_x, before_y = (side - width) // 2, (side - height) // 2
    border = (before_x, side - width - before_x, before_y, side - height - before_y)
    subject = F.pad(mask[:, top:bottom, left:right], border)
    pixels = F.pad(image[:, top:bottom, left:right], border)
    behind = 255 if background is None else _window(background, left - before_x, top - before_y, side)
    levels, small = resize_together(torch.where(subject, pixels, behind), subject, (size, size))
    return from_levels(levels), small


def resize_together(image: Tensor, mask: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The picture, and its mask with it, at another size; bilinear and antialiased.

    A pixel belongs to the mask where at least half of what it shows does. A mask too small to fill half of any pixel
    keeps every pixel that it touches instead, so that no object is lost. The picture stays in whole levels of 255, as
    PIL resizes, which takes a third of the time.

    Args:
        image: (3, H, W) uint8.
        mask: (1, H, W), bool or in {0, 1}.
        size: (height, width) that are wanted.

    Returns:
        (3, height, width) uint8 and (1, height, width) float in {0, 1}.
    """
    # Where nothing shrinks antialiasing changes nothing, and takes longer.
    shrinks = size[0] < image.shape[1] or size[1] < image.shape[2]
    levels, share = (
        F.interpolate(one[None], size=size, mode="bilinear", antialias=shrinks, align_corners=False)[0]
        for one in (image, mask.float())
    )
    small_mask = (share >= 0.5).float()
    if not small_mask.any():
        small_mask = F.adaptive_max_pool2d(mask.float(), size)
    return levels, small_mask


def boxes_of(mask: Tensor) -> Tensor:
    """(B, 4) int64: left, top, right and bottom of each mask's ones; right and bottom lie one past the last.

    Args:
        mask: (B, 1, H, W), float in {0, 1} or bool.

    Raises:
        InputError: a mask is empty.
    """
    columns = mask.amax(dim=(1, 2)) > 0
    rows = mask.amax(dim=(1, 3)) > 0
    empty = (~rows.any(dim=1)).nonzero().flatten().tolist()
    if empty:
        raise InputError(f"The object mask of sample {empty[0]} of {len(mask)} is empty. Leave such objects out.")
    left, right = _ends(columns)
    top, bottom = _ends(rows)
    return torch.stack((left, top, right, bottom), dim=1)


def _ends(present: Tensor) -> tuple[Tensor, Tensor]:
    """First true of each row of (B, n) bool, and one past its last true."""
    first = present.int().argmax(dim=1)
    return first, present.shape[1] - present.flip(1).int().argmax(dim=1)


def _window(picture: Tensor, left: int, top: int, side: int) -> Tensor:
    """(3, side, side) of a picture from `left` and `top` on, which may lie outside; its edges go on there."""
    rows = torch.arange(top, top + side).clamp(0, picture.shape[1] - 1)
    columns = torch.arange(left, left + side).clamp(0, picture.shape[2] - 1)
    return picture[:, rows[:, None], columns]
