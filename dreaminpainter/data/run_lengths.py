"""Masks as COCO's run lengths, checked before pycocotools decodes them: it trusts them, down to a crash.

A mask's pixels are counted down its columns: so many that are not of the object, so many that are, and so on, as a list
of numbers or as a text that compresses it.

Example:
    >>> mask = torch.zeros(1, 2, 3, dtype=torch.bool)
    >>> mask[0, :, 1] = True
    >>> encoded = encode(mask)
    >>> encoded["counts"] == from_counts([2, 2, 2], (2, 3))["counts"]
    True
    >>> torch.equal(decode(encoded), mask)
    True
    >>> from_counts([2, 2], (2, 3))
    Traceback (most recent call last):
    dreaminpainter.data.run_lengths.BrokenOutlineError: has run lengths of 4 pixels for a picture of 3 x 2
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask
from torch import Tensor

RunLengths = dict[str, Any]
"""pycocotools' compressed form: `size` as (height, width), and `counts` as bytes."""

_GROUPS = 6
"""Characters a number at most; more are beyond the integers of pycocotools, and no picture needs them."""
_LONGEST = 2**22
"""Pixels along all of a polygon: far more than any outline has, and pycocotools gets by with some 300 MB."""


class BrokenOutlineError(ValueError):
    """Run lengths or polygons that are no mask of the picture; the message is a clause, such as "has ..."."""


def encode(mask: Tensor) -> RunLengths:
    """The run lengths of a mask, (1, H, W) bool."""
    encoded: RunLengths = coco_mask.encode(np.asfortranarray(mask[0].numpy().astype(np.uint8)))
    return encoded


def decode(run_lengths: RunLengths) -> Tensor:
    """(1, H, W) bool of run lengths that this module made or checked."""
    return torch.from_numpy(coco_mask.decode(run_lengths)).bool()[None]


def area_of(run_lengths: RunLengths) -> int:
    """How many pixels are of the object."""
    return int(coco_mask.area(run_lengths))


def from_counts(counts: Sequence[int] | str | bytes, size: tuple[int, int]) -> RunLengths:
    """Run lengths as a file tells them.

    Args:
        counts: the lengths as numbers, or as COCO's compressed text.
        size: (height, width) of the picture.

    Raises:
        BrokenOutlineError: they are no numbers of pixels, or not those of a picture of this size.
    """
    height, width = _checked_size(size)
    if isinstance(counts, str | bytes):
        text = counts.encode(errors="replace") if isinstance(counts, str) else counts
        numbers = _uncompressed(text)
    else:
        numbers = _numbers(counts)
    if numbers.size == 0 or numbers.min() < 0:
        raise BrokenOutlineError(f"has run lengths of which one is {numbers.min() if numbers.size else 'missing'}")
    if numbers.sum() != height * width:
        raise BrokenOutlineError(f"has run lengths of {numbers.sum()} pixels for a picture of {width} x {height}")
    if isinstance(counts, str | bytes):
        return {"size": [height, width], "counts": text}
    return dict(coco_mask.frPyObjects({"size": [height, width], "counts": numbers.tolist()}, height, width))


def from_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> RunLengths:
    """The run lengths of what polygons enclose together.

    Of fewer than three points a polygon encloses nothing, and does not count beside others.

    Args:
        polygons: x and y of each point, in turn.
        size: (height, width) of the picture.

    Raises:
        BrokenOutlineError: a polygon is no sequence of pairs of numbers, or far from the picture, or none has three
            points.
    """
    height, width = _checked_size(size)
    for polygon in polygons:
        _check_polygon(polygon, height, width)
    enclosing = [polygon for polygon in polygons if len(polygon) >= 6]
    if not enclosing:
        raise BrokenOutlineError(f"has a polygon of {max(map(len, polygons), default=0) // 2} points, not 3 or more")
    return dict(coco_mask.merge(coco_mask.frPyObjects(enclosing, height, width)))


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    most = Image.MAX_IMAGE_PIXELS or np.inf  # larger pictures are not read, so nobody needs their masks
    if not all(type(side) is int and side > 0 for side in size) or size[0] * size[1] > most:
        raise BrokenOutlineError(f"is of a picture of {size[1]!r} x {size[0]!r} pixels, which is no size")
    return size


def _numbers(counts: object) -> NDArray[np.int64]:
    if not isinstance(counts, list | tuple) or not all(type(count) is int and abs(count) < 2**32 for count in counts):
        raise BrokenOutlineError("has run lengths that are no numbers of pixels")
    return np.array(counts, np.int64)


def _uncompressed(text: bytes) -> NDArray[np.int64]:
    """The numbers of a compressed text.

    Each character from "0" on holds five bits of a number, the lowest first, and a sixth bit where more follow. From
    the fourth on a number is told as the difference from the last but one.
    """
    codes = np.frombuffer(text, np.uint8).astype(np.int64) - ord("0")
    ends = np.flatnonzero(codes & 32 == 0)
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or ends.size == 0 or ends[-1] != codes.size - 1:
        raise BrokenOutlineError("has run lengths that are no compressed text of COCO's")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _GROUPS:
        raise BrokenOutlineError("has run lengths that are no numbers of pixels")
    shifts = 5 * (np.arange(codes.size) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((codes & 31) << shifts, starts)
    numbers -= np.where(codes[ends] & 16, 1 << (5 * lengths), 0)
    numbers[1::2] = numbers[1::2].cumsum()
    numbers[2::2] = numbers[2::2].cumsum()
    return numbers


def _check_polygon(polygon: Sequence[float], height: int, width: int) -> None:
    if len(polygon) % 2:
        raise BrokenOutlineError(f"has a polygon of {len(polygon)} numbers, which are no pairs")
    # A million polygons are read at once. The sum is finite where every number is.
    if not (math.isfinite(sum(polygon)) and _are_near(polygon[::2], width) and _are_near(polygon[1::2], height)):
        points = zip(polygon[::2], polygon[1::2], strict=True)
        x, y = next(point for point in points if not (_are_near(point[:1], width) and _are_near(point[1:], height)))
        raise BrokenOutlineError(f"has a polygon with the point ({x:g}, {y:g}) on a picture of {width} x {height}")
    if len(polygon) * 3 * max(width, height) > 2 * _LONGEST:
        corners = np.array(polygon).reshape(-1, 2)
        steps = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1)
        if steps.sum() > _LONGEST:
            raise BrokenOutlineError(f"has a polygon that is {steps.sum():.0f} pixels long")


def _are_near(places: Sequence[float], side: int) -> bool:
    """Whether places along one side are in the picture or no further from it than it is long; not so of NaN."""
    return not places or all((min(places) >= -side, max(places) <= 2 * side))
