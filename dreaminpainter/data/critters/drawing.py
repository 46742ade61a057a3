"""Whole pictures of critters: scenes, and references on white.

Everything is a function of attribute codes and a layout, so the same scene with another hat is one changed code away.

Example:
    >>> from dreaminpainter.data.critters.attributes import draw_codes
    >>> from dreaminpainter.data.critters.layout import draw_layout
    >>> keys = torch.arange(2)
    >>> codes, layout = draw_codes(keys, "train"), draw_layout(keys)
    >>> crowned = draw_scene(codes | {"hat": torch.full((2,), 2)}, layout, size=64)
    >>> crowned.image.shape, crowned.mask.shape, crowned.subject_box.shape
    (torch.Size([2, 3, 64, 64]), torch.Size([2, 1, 64, 64]), torch.Size([2, 4]))
"""

from dataclasses import dataclass
from functools import cache
from math import ceil

import torch
from torch import Tensor

from dreaminpainter.data.critters.attributes import VALUES, Codes
from dreaminpainter.data.critters.bodies import BODIES, BODY_BOX
from dreaminpainter.data.critters.creature import Frame, draw_creature, feet_of, parts_on
from dreaminpainter.data.critters.layout import LARGEST, SMALLEST, Layout
from dreaminpainter.data.critters.parts import RIDE_HEIGHT
from dreaminpainter.data.critters.scenery import cast_shadow, draw_scenery

_SCENE_BOX = (-1.75, -1.85, 1.75, 2.16)
"""What a creature with hat and ride can cover, in its own unit."""
_FILL = 0.92
"""The share of a reference's side that the subject takes."""


@dataclass(frozen=True)
class Scene:
    """Drawn scenes.

    Args:
        image: (B, 3, S, S) in [-1, 1].
        mask: (B, 1, S, S) in {0, 1}: what is seen of creature and hat.
        cover: (B, 1, S, S) in {0, 1}: creature, hat and ride.
        marks: (B, 1, S, S) in {0, 1}: every pixel that the creature's mark touches.
        subject_box: (B, 4) float32, (left, top, right, bottom) of `cover` in pixels.
    """

    image: Tensor
    mask: Tensor
    cover: Tensor
    marks: Tensor
    subject_box: Tensor


def draw_scene(codes: Codes, layout: Layout, size: int, supersample: int = 2) -> Scene:
    """Draws scenes.

    Args:
        codes: attribute name to (B,) int64.
        layout: where everything is.
        size: side of the square picture in pixels.
        supersample: points per pixel along each side, from which the pixel's colour is the mean.
    """
    bottoms, half_widths = _stance(str(layout.x.device))
    stance = (codes["pose"], codes["ride"])
    background = draw_scenery(codes, layout, size * supersample)
    cast_shadow(background, layout, half_widths[stance])
    background = _pool(background, supersample)

    # The layer is a little window; it stands at whole pixels of the scene, the rest of the shift is within it.
    left, top, right, bottom = (LARGEST * size * side for side in _SCENE_BOX)
    width, height = ceil(right - left) + 2, ceil(bottom - top) + 2
    x = layout.x * size
    y = (layout.ground - bottoms[stance] * layout.unit) * size
    first_x, first_y = torch.floor(x + left), torch.floor(y + top)
    frame = Frame(
        height * supersample,
        width * supersample,
        layout.unit * (size * supersample),
        (x - first_x) * supersample,
        (y - first_y) * supersample,
        (SMALLEST * size * supersample, LARGEST * size * supersample),
        (-left * supersample, (1 - left) * supersample),
        (-top * supersample, (1 - top) * supersample),
    )
    layer = draw_creature(codes, frame, ride=True)
    layer.colour.mul_(layer.cover)
    parts = (layer.colour, layer.cover, layer.subject, layer.marks)
    stack = torch.cat([_pool(part, supersample) for part in parts], dim=1)

    line = torch.arange(size, device=x.device)
    columns = (line - first_x.long()[:, None]).clamp(0, width - 1)
    rows = (line - first_y.long()[:, None]).clamp(0, height - 1)
    index = (rows[:, :, None] * width + columns[:, None, :]).view(len(x), 1, -1)
    placed = stack.flatten(2).gather(2, index.expand(-1, 6, -1)).view(len(x), 6, size, size)

    colour, cover, subject, marks = placed[:, :3], placed[:, 3:4], placed[:, 4:5], placed[:, 5:]
    image = background.mul_(1 - cover).add_(colour).mul_(2).sub_(1).clamp_(-1, 1)
    solid = cover > 0.5
    return Scene(image, (subject > 0.5).float(), solid.float(), (marks > 0).float(), boxes_of(solid))


def draw_reference(codes: Codes, size: int, supersample: int = 2) -> tuple[Tensor, Tensor]:
    """The subjects alone on white, in the middle, filling most of the square.

    Args:
        codes: attribute name to (B,) int64; rides and scenes are not read.
        size: side of the square picture in pixels.
        supersample: as in `draw_scene`.

    Returns:
        (B, 3, size, size) in [-1, 1] and the (B, 1, size, size) mask in {0, 1}.
    """
    extents, ranges = _extents(str(codes["body"].device))
    middle_x, middle_y, side = extents[codes["body"], codes["pose"], codes["hat"]].unbind(1)
    pixels = size * supersample
    unit = _FILL * pixels / side
    (units, xs, ys) = ((low * pixels, high * pixels) for low, high in ranges)
    frame = Frame(pixels, pixels, unit, pixels / 2 - middle_x * unit, pixels / 2 - middle_y * unit, units, xs, ys)
    layer = draw_creature(codes, frame, ride=False)
    image = _pool(layer.colour.sub_(1).mul_(layer.cover).add_(1), supersample)
    return image.mul_(2).sub_(1).clamp_(-1, 1), (_pool(layer.subject, supersample) > 0.5).float()


def boxes_of(mask: Tensor) -> Tensor:
    """(B, 4) float32: (left, top, right, bottom) in pixels of (B, 1, H, W) bool masks."""
    sides = []
    for axis in (2, 3):
        line = mask.any(dim=axis)[:, 0].float()
        sides.append((line.argmax(1), line.shape[1] - line.flip(1).argmax(1)))
    (left, right), (top, bottom) = sides
    return torch.stack((left, top, right, bottom), dim=1).float()


def _pool(image: Tensor, factor: int) -> Tensor:
    """The mean over squares of pixels; sums of slices are ten times faster than average pooling on a CPU."""
    if factor == 1:
        return image
    rows = image[:, :, 0::factor]
    for k in range(1, factor):
        rows = rows + image[:, :, k::factor]
    columns = rows[..., 0::factor]
    for k in range(1, factor):
        columns = columns + rows[..., k::factor]
    return columns * (1 / factor**2)


@cache
def _stance(device: str) -> tuple[Tensor, Tensor]:
    """(pose, ride): how far the ground is below the creature's middle, and half the shadow's width."""
    poses = VALUES["pose"]
    bottoms = torch.tensor([[feet_of(pose) + height for height in RIDE_HEIGHT] for pose in poses])
    widths = torch.tensor([[0.8 if pose == "jump" else 1.15, 1.35, 1.3, 1.3, 1.45] for pose in poses])
    return bottoms.to(device), widths.to(device)


@cache
def _extents(device: str) -> tuple[Tensor, tuple[tuple[float, float], ...]]:
    """(body, pose, hat, 3): middle and longer side of creature and hat; the ranges of unit, x and y for a side of 1."""
    kit = parts_on("cpu")
    bodies = _sheet_extents(kit["body"].sheet.fields.amin(1), BODY_BOX, len(BODIES) * len(VALUES["pose"]))
    bodies = bodies.view(len(BODIES), len(VALUES["pose"]), 1, 4)
    hats = _sheet_extents(kit["hat"].sheet.fields[:, 0], kit["hat"].sheet.box, len(VALUES["hat"]))
    hats = hats + kit["hat"].places.repeat(1, 2)[:, None, None, :]
    low = torch.minimum(bodies[..., :2], hats[..., :2])
    high = torch.maximum(bodies[..., 2:], hats[..., 2:])
    middle, side = (low + high) / 2, (high - low).amax(-1, keepdim=True)
    unit = _FILL / side
    where = 0.5 - middle * unit
    values = (unit[..., 0], where[..., 0], where[..., 1])
    ranges = tuple((float(value.min()), float(value.max())) for value in values)
    return torch.cat((middle, side), dim=-1).to(device), ranges


def _sheet_extents(field: Tensor, box: tuple[float, float, float, float], variants: int) -> Tensor:
    """(V, 4): what each variant of a (1, V * h, w) field covers; inverted where it is empty."""
    left, top, right, bottom = box
    solid = field.view(variants, 1, -1, field.shape[-1]) < 0
    texels = boxes_of(solid)
    height, width = solid.shape[2:]
    scale = torch.tensor([(right - left) / width, (bottom - top) / height]).repeat(2)
    extents = torch.tensor([left, top]).repeat(2) + texels * scale
    empty = torch.tensor([9.0, 9.0, -9.0, -9.0])
    return torch.where(solid.flatten(1).any(1, keepdim=True), extents, empty)
