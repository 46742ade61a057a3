"""Moves a reference and its mask as one."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def move(pixels: Tensor, mask: Tensor, warp: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Pixels and mask, both moved by `warp`.

    What comes into view from outside the square has the median colour of its border: exactly white on white.

    Args:
        pixels: (B, 3, S, S) in [-1, 1].
        mask: (B, 1, S, S) in {0, 1}, 1 on the subject.
        warp: moves (B, C, S, S) and puts zeros where it sees nothing; it shrinks nothing to less than a third.

    Returns:
        Pixels in [-1, 1] and mask in {0, 1}; the mask is not empty where it was not before.
    """
    around = _colour_around(pixels, mask)
    both = torch.cat((pixels, mask), dim=1)
    # Relative to what is around, so that zeros, which a warp leaves as they are, stand for exactly that colour.
    both[:, :3] -= around
    both = warp(both)
    moved = both[:, 3:] >= 0.5
    lost = ~moved.flatten(1).any(dim=1)
    if lost.any():  # a subject of a pixel or two, between the places where the warp looks
        larger = warp(F.max_pool2d(mask, kernel_size=5, stride=1, padding=2)) >= 0.5
        moved = torch.where(lost[:, None, None, None], larger, moved)
    return both[:, :3].add_(around).clamp_(-1.0, 1.0), moved.to(mask.dtype)


def _colour_around(pixels: Tensor, mask: Tensor) -> Tensor:
    """(B, 3, 1, 1) median of the square's border where it is not the subject; white where it is so all around."""
    outside = torch.where(_border(mask) == 1, torch.nan, _border(pixels))
    return outside.nanmedian(dim=2).values.nan_to_num(nan=1.0)[:, :, None, None]


def _border(picture: Tensor) -> Tensor:
    """(B, C, 4 S): the outermost rows and columns."""
    return torch.cat((picture[:, :, 0], picture[:, :, -1], picture[..., 0], picture[..., -1]), dim=2)
