"""Shapes as signed distances, and sheets of them that a whole batch is drawn from.

A shape is the signed distance to its outline, below zero within, in the creature's own unit. The shapes of every
variant of a part (all hats, say) are computed once, slowly and plainly, on a small grid each: a `Sheet`. Drawing reads
the sheet bilinearly, so that one call draws another hat in another size for each sample, and distances become edges
that are clean at any size (the idea of distance-field fonts: Green, SIGGRAPH 2007 courses).

Example:
    >>> variants = [lambda p: (p.circle(0, 0, 0.5),), lambda p: (p.box(0, 0, 1, 1),)]
    >>> sheet = make_sheet((-1.0, -1.0, 1.0, 1.0), 16, variants)
    >>> x = y = torch.tensor([[-0.5, 0.0]])
    >>> sheet.sample(torch.tensor([0]), x, y)[0].shape
    torch.Size([1, 2, 2])
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

Box = tuple[float, float, float, float]
"""(left, top, right, bottom), y downwards."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Plane:
    """The points at which shapes are measured.

    Args:
        x: (H, W) float32.
        y: (H, W) float32, downwards.
    """

    x: Tensor
    y: Tensor

    def mirrored(self) -> "Plane":
        """The plane folded along x = 0: what is drawn at the right appears at the left too."""
        return Plane(self.x.abs(), self.y)

    def nothing(self) -> Tensor:
        """An empty shape."""
        return torch.full_like(self.x, 9.0)

    def circle(self, x: float, y: float, radius: float) -> Tensor:
        return torch.hypot(self.x - x, self.y - y) - radius

    def ellipse(self, x: float, y: float, width: float, height: float) -> Tensor:
        """An ellipse by its half axes; the distance is exact on the outline and to first order near it."""
        u, v = (self.x - x) / width, (self.y - y) / height
        norm = torch.hypot(u, v)
        return norm * (norm - 1) / torch.hypot(u / width, v / height).clamp_min(1e-6)

    def box(self, x: float, y: float, width: float, height: float, rounding: float = 0.0) -> Tensor:
        """A rectangle by its half sides, with rounded corners."""
        u = (self.x - x).abs() - (width - rounding)
        v = (self.y - y).abs() - (height - rounding)
        return torch.hypot(u.clamp_min(0), v.clamp_min(0)) + torch.maximum(u, v).clamp_max(0) - rounding

    def stroke(self, points: Sequence[Point], radius: float) -> Tensor:
        """A line of round caps through `points`."""
        return union(*(self._segment(a, b) for a, b in pairwise(points))) - radius

    def polygon(self, points: Sequence[Point], rounding: float = 0.0) -> Tensor:
        """A closed polygon; `rounding` is added around it."""
        closed = [*points, points[0]]
        inside = torch.zeros_like(self.x, dtype=torch.bool)
        for (ax, ay), (bx, by) in pairwise(closed):
            crosses = (self.y < ay) != (self.y < by)
            slope = (bx - ax) / (by - ay) if by != ay else 0.0
            inside ^= crosses & (self.x < ax + (self.y - ay) * slope)
        distance = self.stroke(closed, 0.0)
        return torch.where(inside, -distance, distance) - rounding

    def below(self, heights: Tensor) -> Tensor:
        """Everything under a skyline of `heights` (W,) or a number, as a distance along y."""
        return heights - self.y

    def _segment(self, a: Point, b: Point) -> Tensor:
        dx, dy = b[0] - a[0], b[1] - a[1]
        along = ((self.x - a[0]) * dx + (self.y - a[1]) * dy) / max(dx * dx + dy * dy, 1e-9)
        along = along.clamp(0, 1)
        return torch.hypot(self.x - a[0] - along * dx, self.y - a[1] - along * dy)


def union(*shapes: Tensor) -> Tensor:
    """What is in any of the shapes."""
    result = shapes[0]
    for shape in shapes[1:]:
        result = torch.minimum(result, shape)
    return result


def within(*shapes: Tensor) -> Tensor:
    """What is in all of the shapes."""
    return -union(*(-shape for shape in shapes))


def blend(a: Tensor, b: Tensor, reach: float) -> Tensor:
    """The union of two shapes with a soft joint."""
    overlap = (reach - (a - b).abs()).clamp_min(0) / reach
    return torch.minimum(a, b) - overlap * overlap * reach / 4


def star(x: float, y: float, radius: float, points: int = 5, inner: float = 0.45) -> list[Point]:
    """The corners of a star, its tip upwards."""
    angles = [math.pi * k / points - math.pi / 2 for k in range(2 * points)]
    radii = [radius if k % 2 == 0 else radius * inner for k in range(2 * points)]
    return [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


@dataclass(frozen=True)
class Sheet:
    """The signed distances of all variants of a part.

    Args:
        box: what of the part's own plane each variant covers; beyond it the border's values hold.
        fields: (1, C, V * h, w) float32, V variants below each other, C shapes each.
        variants: V.
    """

    box: Box
    fields: Tensor
    variants: int

    def to(self, device: torch.device | str) -> "Sheet":
        return Sheet(self.box, self.fields.to(device), self.variants)

    def sample(self, variant_B: Tensor, x_BW: Tensor, y_BH: Tensor) -> Tensor:
        """(C, B, H, W): the distances at the points (x, y) of a grid that stands upright.

        Args:
            variant_B: (B,) int64, which variant each sample has.
            x_BW: (B, W) where the columns are, in the part's own plane.
            y_BH: (B, H) where the rows are.
        """
        left, top, right, bottom = self.box
        channels, rows, columns = self.fields.shape[1:]
        height = rows // self.variants
        u_BW = ((x_BW - left) * (columns / (right - left))).clamp(0.5, columns - 0.5)
        v_BH = ((y_BH - top) * (height / (bottom - top))).clamp(0.5, height - 0.5) + (variant_B * height)[:, None]
        batch, h, w = len(x_BW), y_BH.shape[1], x_BW.shape[1]
        grid = torch.empty(2, batch, h, w, device=x_BW.device)
        grid[0] = (u_BW * (2 / columns) - 1)[:, None, :]
        grid[1] = (v_BH * (2 / rows) - 1)[:, :, None]
        grid = grid.view(2, batch * h, w).permute(1, 2, 0)[None]
        fields = F.grid_sample(self.fields, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return fields.view(channels, batch, h, w)


def make_sheet(box: Box, texels: int, painters: Sequence[Callable[[Plane], Sequence[Tensor]]]) -> Sheet:
    """The sheet of the variants that `painters` draw.

    Args:
        box: what each variant covers.
        texels: grid points per unit.
        painters: one function a variant; each gives the same number of shapes.
    """
    left, top, right, bottom = box
    width, height = round((right - left) * texels), round((bottom - top) * texels)
    x = left + (torch.arange(width) + 0.5) * ((right - left) / width)
    y = top + (torch.arange(height) + 0.5) * ((bottom - top) / height)
    plane = Plane(x[None, :].expand(height, width), y[:, None].expand(height, width))
    cells = [torch.stack([shape.expand(height, width) for shape in painter(plane)]) for painter in painters]
    return Sheet(box, torch.cat(cells, dim=1)[None].contiguous(), len(painters))


def coverage(distance: Tensor, inset: Tensor | float = 0.0) -> Tensor:
    """How much of each pixel lies within a shape, 0 to 1.

    Args:
        distance: signed distance in pixels.
        inset: by how many pixels the shape is shrunk first.
    """
    return (0.5 - inset - distance).clamp_(0, 1)
