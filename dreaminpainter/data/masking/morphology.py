"""Operations on masks (B, 1, H, W) in {0, 1} that generators of holes and degradations are made of."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.cutout import boxes_of

_FAR = 2**15 - 1


def longer_sides(boxes: Tensor) -> Tensor:
    """(B,) int64: the longer side of each of the boxes (B, 4) in pixels, which other lengths are shares of."""
    return (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)


def window_of(boxes: Tensor, margin: int = 0) -> tuple[slice, ...]:
    """The part of masks (B, 1, H, W) that holds all of the boxes (B, 4) and a margin around them in pixels."""
    left, top = (boxes[:, :2].amin(dim=0) - margin).clamp(min=0).tolist()
    right, bottom = (boxes[:, 2:].amax(dim=0) + margin).tolist()
    return slice(None), slice(None), slice(top, bottom), slice(left, right)


def dilate(mask: Tensor, radius_B: Tensor) -> Tensor:
    """Every pixel whose centre is within `radius_B` of a one's.

    Distances along the rows come first; then each row looks up and down as far as the radius reaches, so the cost grows
    with the radius and not with its square.
    """
    height = mask.shape[2]
    beside = torch.minimum(_distance_to_the_left(mask), _distance_to_the_left(mask.flip(3)).flip(3))
    # How much wider than the distance to the side the disk is, at the best of all rows; -1 where it does not reach.
    excess = torch.full_like(beside, -1)
    for shift in range(min(int(radius_B.max()), height - 1) + 1):
        square = radius_B**2 - shift**2
        half_width = torch.where(square < 0, -1, square.clamp(min=0).sqrt().floor().clamp(max=_FAR - 1))
        over = half_width.to(beside)[:, None, None, None] - beside
        for below, above in ((over[:, :, shift:], excess[:, :, : height - shift]), (over, excess[:, :, shift:])):
            torch.maximum(above, below[:, :, : height - shift], out=above)
    return (excess >= 0).to(mask.dtype)


def erode(mask: Tensor, radius_B: Tensor) -> Tensor:
    """Every one that has no zero within `radius_B`; what lies outside of the picture is no zero.

    Raises:
        InputError: a mask is empty.
    """
    eroded = mask.clone()
    window = window_of(boxes_of(mask), margin=1)
    eroded[window] -= dilate(1 - mask[window], radius_B) * mask[window]
    return eroded


def move(mask: Tensor, offset_B2: Tensor) -> Tensor:
    """Each mask moved by whole pixels, x to the right and y down; what leaves the picture is lost."""
    for dim, offset in ((3, offset_B2[:, 0]), (2, offset_B2[:, 1])):
        size = mask.shape[dim]
        origin = torch.arange(size, device=mask.device) - offset[:, None]
        shape = [len(mask), 1, 1, 1]
        shape[dim] = size
        origin = origin.view(shape)
        inside = (origin >= 0) & (origin < size)
        mask = mask.gather(dim, origin.clamp(0, size - 1).expand_as(mask)) * inside
    return mask


def ones_in_boxes(mask: Tensor, size_B2: Tensor) -> Tensor:
    """(B, 1, H, W) int64: how many ones lie in a box with its left top corner at each pixel.

    Args:
        mask: (B, 1, H, W).
        size_B2: (B, 2) int64, width and height of each sample's box; corners from which it would leave the picture
            have H · W + 1 in place of a number.
    """
    sums = F.pad((mask > 0).cumsum(2).cumsum(3), (1, 0, 1, 0))
    fits = torch.ones_like(mask, dtype=torch.bool)
    for dim, size in ((3, size_B2[:, 0]), (2, size_B2[:, 1])):
        length = mask.shape[dim]
        end = torch.arange(length, device=mask.device) + size[:, None]
        shape = [len(mask), 1, 1, 1]
        shape[dim] = length
        end = end.view(shape)
        wanted = list(sums.shape)
        wanted[dim] = length
        sums = sums.gather(dim, end.clamp(max=length).expand(wanted)) - sums.narrow(dim, 0, length)
        fits &= end <= length
    return torch.where(fits, sums, mask.shape[2] * mask.shape[3] + 1)


def _distance_to_the_left(mask: Tensor) -> Tensor:
    """How many pixels to the left of each pixel the nearest one of its row lies; very far where there is none.

    Whole numbers of 16 bits: `dilate` spends its time reading these.
    """
    x = torch.arange(mask.shape[3], dtype=torch.float32, device=mask.device)
    nearest = torch.where(mask > 0, x, -torch.inf).cummax(dim=3).values
    return (x - nearest).clamp(max=_FAR).to(torch.int16)
