"""Holes and degradations, pixel by pixel. Masks are (H, W) tensors in {0, 1}, points are (x, y)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Point = tuple[float, float]


def ones(mask: Tensor) -> list[tuple[int, int]]:
    return [(x, y) for y, x in mask.nonzero().tolist()]


def drawn(mask: Tensor, inside: Callable[[int, int], bool]) -> Tensor:
    """A mask of the same size with ones where `inside(x, y)`."""
    height, width = mask.shape
    return torch.tensor([[float(inside(x, y)) for x in range(width)] for y in range(height)]).reshape(height, width)


def dilated(mask: Tensor, radius: float) -> Tensor:
    return drawn(mask, lambda x, y: any((x - a) ** 2 + (y - b) ** 2 <= radius**2 for a, b in ones(mask)))


def eroded(mask: Tensor, radius: float) -> Tensor:
    return mask * (1 - dilated(1 - mask, radius))


def in_hull(points: list[tuple[int, int]], x: int, y: int) -> bool:
    """Whether (x, y) lies in the hull of points with whole coordinates: in a triangle of three, or between two.

    This is Carathéodory's theorem, as directly as it can be said.
    """
    for a in points:
        for b in points:
            for c in points:
                sides = [_side(a, b, (x, y)), _side(b, c, (x, y)), _side(c, a, (x, y))]
                if any(sides) and (min(sides) >= 0 or max(sides) <= 0):
                    return True
            if _side(a, b, (x, y)) == 0 and min(a, b) <= (x, y) <= max(a, b):
                return True
    return False


def blurred(mask: Tensor, deviation: float) -> Tensor:
    """The mask under a Gaussian, by direct sums; nothing lies outside of it."""
    far = math.ceil(8 * deviation)
    total = sum(math.exp(-0.5 * (i / deviation) ** 2) for i in range(-far, far + 1)) ** 2
    height, width = mask.shape
    out = torch.zeros(height, width, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            for a, b in ones(mask):
                out[y, x] += math.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / deviation**2) / total
    return out


def distance_to_line(x: float, y: float, start: Point, end: Point) -> float:
    """From a point to the nearest of a line's, which is tried at its foot and at both ends."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    squared = dx * dx + dy * dy
    foot = ((x - start[0]) * dx + (y - start[1]) * dy) / squared if squared else 0.0
    shares = [0.0, 1.0] + ([foot] if 0 < foot < 1 else [])
    return min(math.hypot(x - start[0] - share * dx, y - start[1] - share * dy) for share in shares)


def in_polygon(corners: list[Point], x: float, y: float) -> bool:
    """By the angle that the corners turn around the point: a whole turn inside, none outside. For simple polygons."""
    turned = 0.0
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        angle = math.atan2(y1 - y, x1 - x) - math.atan2(y0 - y, x0 - x)
        turned += (angle + math.pi) % (2 * math.pi) - math.pi
    return abs(turned) > math.pi


def ones_in_box(mask: Tensor, left: int, top: int, width: int, height: int) -> int:
    """Counts; one more than the mask has pixels where the box leaves the mask."""
    if left + width > mask.shape[1] or top + height > mask.shape[0]:
        return mask.numel() + 1
    return sum(int(mask[y, x]) for y in range(top, top + height) for x in range(left, left + width))


def moved(mask: Tensor, right: int, down: int) -> Tensor:
    present = set(ones(mask))
    return drawn(mask, lambda x, y: (x - right, y - down) in present)


def _side(a: tuple[int, int], b: tuple[int, int], point: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
