"""Masks painted from coordinates: boxes, spans of rows, strokes, polygons.

A pixel's centre has whole coordinates, x to the right and y down. A pixel is painted where its centre lies inside.
Everything here is as large as `like` (B, 1, H, W), of its dtype and on its device.
"""

import torch
from torch import Tensor


def fill_boxes(boxes: Tensor, like: Tensor) -> Tensor:
    """Ones within `boxes` (B, 4): left, top, right and bottom, the latter two one past the last."""
    left, top, right, bottom = boxes[:, :, None].unbind(dim=1)
    x = torch.arange(like.shape[3], device=like.device)
    y = torch.arange(like.shape[2], device=like.device)
    columns = (x >= left) & (x < right)
    rows = (y >= top) & (y < bottom)
    return (rows[:, None, :, None] & columns[:, None, None, :]).to(like.dtype)


def fill_spans(first: Tensor, last: Tensor, like: Tensor) -> Tensor:
    """Ones from `first` to `last` x, both included, in each row; where several spans are given, ones in any of them.

    Args:
        first: (B, S, H) float; a span with `first` beyond `last` paints nothing.
        last: (B, S, H) float.
        like: what the mask is shaped as.
    """
    width = like.shape[3]
    start = first.ceil().clamp(0, width).long()
    stop = torch.maximum((last.floor() + 1).clamp(0, width).long(), start)
    return (_running_sum(start, 1, like) + _running_sum(stop, -1, like) > 0).to(like.dtype)


def fill_polygons(corners: Tensor, like: Tensor) -> Tensor:
    """Ones inside polygons, by the even-odd rule.

    Args:
        corners: (B, P, 2) float, x and y in order around each polygon.
        like: what the mask is shaped as.
    """
    x0, y0 = corners[..., None].unbind(dim=2)
    x1, y1 = corners.roll(-1, dims=1)[..., None].unbind(dim=2)
    y = torch.arange(like.shape[2], dtype=corners.dtype, device=like.device)
    crosses = (y0 <= y) != (y1 <= y)
    slope = (x1 - x0) / torch.where(y0 == y1, 1.0, y1 - y0)
    edge = torch.where(crosses, x0 + (y - y0) * slope, torch.inf)
    crossed = _running_sum(edge.ceil().clamp(0, like.shape[3]).long(), 1, like)
    return (crossed % 2).to(like.dtype)


def paint_strokes(start: Tensor, end: Tensor, radius: Tensor, like: Tensor) -> Tensor:
    """Ones within `radius` of the lines from `start` to `end`.

    A stroke of a round brush is convex, so it covers one span of each row. The span's right end is where the brush
    reaches furthest right while it moves along the line, which has a closed form; the left end mirrors it.

    Args:
        start: (B, S, 2) float, x and y.
        end: (B, S, 2) float; the same as `start` for a disk.
        radius: (B, S) float, 0 or more.
        like: what the mask is shaped as.
    """
    down = (start[..., 1] <= end[..., 1])[..., None]
    upper, lower = torch.where(down, start, end), torch.where(down, end, start)
    x, y = upper[..., None].unbind(dim=2)
    dx, dy = (lower - upper)[..., None].unbind(dim=2)
    radius = radius[..., None]
    below = torch.arange(like.shape[2], dtype=start.dtype, device=like.device) - y
    lean = radius * dx / torch.hypot(dx, dy).clamp(min=1e-6)
    ends = []
    for side in (-1, 1):
        furthest = ((below + side * lean) / dy.clamp(min=1e-6)).clamp(0, 1)
        along = torch.where(dy < 1e-6, (side * dx > 0).to(dy), furthest)
        rest = radius**2 - (below - along * dy) ** 2
        reach = torch.where(rest >= 0, rest.clamp(min=0).sqrt(), -torch.inf)
        ends.append(x + along * dx + side * reach)
    return fill_spans(ends[0], ends[1], like)


def _running_sum(position: Tensor, step: int, like: Tensor) -> Tensor:
    """(B, 1, H, W) int32: `step` times how many of a row's positions (B, S, H) lie at or left of each pixel."""
    count, _, height, width = like.shape
    steps = torch.zeros(count, height, width + 1, dtype=torch.int32, device=like.device)
    position = position.transpose(1, 2)
    steps.scatter_add_(2, position, torch.full_like(position, step, dtype=torch.int32))
    return steps.cumsum(2, dtype=torch.int32)[:, None, :, :width]
