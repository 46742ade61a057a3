"""Draws creatures, with hat and ride, into layers: everything but the world behind them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, floor

import torch
from torch import Tensor

from dreaminpainter.data.critters import colours, parts
from dreaminpainter.data.critters.attributes import VALUES, Codes
from dreaminpainter.data.critters.bodies import BODIES, FEET, LEAP, body_sheet, legs
from dreaminpainter.data.critters.shapes import Box, Sheet, coverage

LINE = 0.065
"""How wide outlines are, in the creature's unit."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """The pixels of a layer, and where in it each sample's creature is.

    Args:
        height: of the layer, in pixels.
        width: of the layer, in pixels.
        unit: (B,) pixels per creature unit.
        x: (B,) the creature's middle, in pixels.
        y: (B,) the same, vertically.
        units: what `unit` can be; with `xs` and `ys` it tells, without a look at the samples, which pixels a part can
            touch.
        xs: what `x` can be.
        ys: what `y` can be.
    """

    height: int
    width: int
    unit: Tensor
    x: Tensor
    y: Tensor
    units: Range
    xs: Range
    ys: Range

    def window(self, box: Box) -> tuple[slice, slice]:
        """The rows and columns that something within `box`, in creature units, can touch."""
        left, top, right, bottom = box
        columns = _span(left, right, self.units, self.xs, self.width)
        return _span(top, bottom, self.units, self.ys, self.height), columns

    def local(self, window: tuple[slice, slice], at_B2: Tensor) -> tuple[Tensor, Tensor]:
        """Columns (B, w) and rows (B, h) of a window, in creature units from the point `at_B2`."""
        rows, columns = (
            torch.arange(part.start, part.stop, device=self.x.device, dtype=torch.float32) + 0.5 for part in window
        )
        x = (columns - self.x[:, None]) / self.unit[:, None] - at_B2[:, :1]
        y = (rows - self.y[:, None]) / self.unit[:, None] - at_B2[:, 1:]
        return x, y


@dataclass(frozen=True)
class Layer:
    """What is drawn in a frame.

    Args:
        colour: (B, 3, H, W) in [0, 1], sensible only where something is.
        cover: (B, 1, H, W), how much of each pixel creature, hat and ride cover together.
        subject: (B, 1, H, W), the same for what is seen of creature and hat.
        marks: (B, 1, H, W), the same for the mark, whatever lies over it.
    """

    colour: Tensor
    cover: Tensor
    subject: Tensor
    marks: Tensor


@dataclass(frozen=True)
class Part:
    """A sheet, the places where it can stand, (..., 2), and its colours, (..., C, 3)."""

    sheet: Sheet
    places: Tensor
    colours: Tensor
    box: Box

    @classmethod
    def make(cls, sheet: Sheet, places: Tensor, colours: Tensor) -> "Part":
        low, high = places.flatten(0, -2).amin(0).tolist(), places.flatten(0, -2).amax(0).tolist()
        left, top, right, bottom = sheet.box
        return cls(sheet, places, colours, (left + low[0], top + low[1], right + high[0], bottom + high[1]))

    def to(self, device: str) -> "Part":
        return Part(self.sheet.to(device), self.places.to(device), self.colours.to(device), self.box)

    def distances(self, frame: Frame, variant_B: Tensor, at_B2: Tensor) -> tuple[tuple[slice, slice], Tensor]:
        """The window, and (C, B, h, w) signed distances in pixels."""
        window = frame.window(self.box)
        fields = self.sheet.sample(variant_B, *frame.local(window, at_B2))
        return window, fields.mul_(frame.unit[:, None, None])


def draw_creature(codes: Codes, frame: Frame, ride: bool) -> Layer:
    """Draws creatures.

    Args:
        codes: the attributes.
        frame: where.
        ride: whether to draw what they ride.
    """
    kit = parts_on(str(frame.x.device))
    body, pose = codes["body"], codes["pose"]
    layer = _draw_body(codes, frame, kit)
    line_B11 = (LINE * frame.unit)[:, None, None]

    part = kit["marks"]
    window, fields = part.distances(frame, codes["marks"], part.places[codes["marks"], body, pose])
    marks = coverage(fields[0])
    _paint(layer, window, part.colours[codes["palette"]], marks)
    layer.marks[:, 0, window[0], window[1]] = marks

    part = kit["eyes"]
    window, (white, black) = part.distances(frame, codes["eyes"], part.places[body])
    _paint(layer, window, part.colours[0], coverage(white))
    _paint(layer, window, part.colours[1], coverage(black))

    part = kit["mouth"]
    window, (dark, tongue) = part.distances(frame, codes["mouth"], part.places[body])
    _paint(layer, window, part.colours[0], coverage(dark))
    _paint(layer, window, part.colours[1], coverage(tongue))

    part = kit["hat"]
    window, fields = part.distances(frame, codes["hat"], part.places[body])
    outer = _paint_outlined(layer, window, part.colours[codes["hat"]], fields, line_B11)
    seen = layer.cover[:, 0, window[0], window[1]]
    torch.maximum(seen, outer, out=seen)
    if not ride:
        return layer

    part = kit["ride"]
    window, fields = part.distances(frame, codes["ride"], part.places[pose])
    subject = layer.cover.clone()
    outer = _paint_outlined(layer, window, part.colours[codes["ride"]], fields, line_B11)
    seen = layer.cover[:, 0, window[0], window[1]]
    torch.maximum(seen, outer, out=seen)
    subject[:, 0, window[0], window[1]].mul_(1 - outer)
    return replace(layer, subject=subject)


def _draw_body(codes: Codes, frame: Frame, kit: dict[str, Part]) -> Layer:
    """The creature without face, marks and hat."""
    part = kit["body"]
    window = frame.window(part.box)
    x, y = frame.local(window, part.places.expand(len(frame.x), -1))
    unit_B11 = frame.unit[:, None, None]
    behind, torso, before = part.sheet.sample(codes["body"] * len(VALUES["pose"]) + codes["pose"], x, y).mul_(unit_B11)
    line_B11 = LINE * unit_B11

    torso_cover, before_cover = coverage(torso), coverage(before)
    uncovered = 1 - before_cover
    fill = coverage(behind, line_B11).mul_(1 - torso_cover)
    fill.add_(torso_fill := coverage(torso, line_B11)).mul_(uncovered).add_(coverage(before, line_B11))
    second = coverage(kit["pattern"].sheet.sample(codes["pattern"], x, y)[0].mul_(unit_B11))
    second.mul_(torso_fill).mul_(uncovered)

    # Soft light: darker towards the rim and the feet.
    depth = torch.minimum(torso, before).mul_(-2.2 / unit_B11).clamp_(0, 1)
    light = depth.mul_(2 - depth).mul_(0.2).add_((0.86 - 0.07 * y.clamp(-1.2, 1.2))[:, :, None])

    base, other, ink = (colour[..., None, None] for colour in part.colours[codes["palette"]].unbind(1))
    colour = torch.empty(len(x), 3, frame.height, frame.width, device=x.device)
    colour.copy_(ink)
    painted = colour[:, :, window[0], window[1]]
    torch.mul(second[:, None], other - base, out=painted)
    painted.add_(base).mul_(light[:, None]).lerp_(ink, (1 - fill)[:, None])

    cover = torch.zeros(len(x), 1, frame.height, frame.width, device=x.device)
    covered = cover[:, 0, window[0], window[1]]
    torch.maximum(coverage(behind), torso_cover, out=covered)
    torch.maximum(covered, before_cover, out=covered)
    return Layer(colour, cover, cover, torch.zeros_like(cover))


def _paint(layer: Layer, window: tuple[slice, slice], colour: Tensor, cover_BHW: Tensor) -> None:
    """Paints `colour`, (3,) or (B, 3), where `cover_BHW` says."""
    layer.colour[:, :, window[0], window[1]].lerp_(colour[..., None, None], cover_BHW[:, None])


def _paint_outlined(
    layer: Layer, window: tuple[slice, slice], colours_BC3: Tensor, fields: Tensor, line_B11: Tensor
) -> Tensor:
    """Paints a part in ink, its own colour and its further ones; gives the (B, h, w) cover."""
    outer = coverage(fields[0])
    _paint(layer, window, colours_BC3[:, 0], outer)
    _paint(layer, window, colours_BC3[:, 1], coverage(fields[0], line_B11))
    _paint(layer, window, colours_BC3[:, 2], coverage(fields[1]))
    _paint(layer, window, colours_BC3[:, 3], coverage(fields[2]))
    return outer


def _span(low: float, high: float, units: Range, origins: Range, size: int) -> slice:
    first = origins[0] + min(low * units[0], low * units[1])
    last = origins[1] + max(high * units[0], high * units[1])
    return slice(max(0, floor(first)), min(size, ceil(last) + 1))


@cache
def parts_on(device: str) -> dict[str, Part]:
    """All parts by name, on a device."""
    if device != "cpu":
        return {name: part.to(device) for name, part in parts_on("cpu").items()}
    palettes = torch.tensor([(p.base, p.second, tuple(colours.INK * c for c in p.base)) for p in colours.PALETTES])
    middle = torch.zeros(1, 2)
    feet = torch.tensor([[0.0, feet_of(pose)] for pose in VALUES["pose"]])
    return {
        "body": Part.make(body_sheet(VALUES["pose"]), middle, palettes),
        "pattern": Part.make(parts.pattern_sheet(), middle, palettes),
        "marks": Part.make(parts.mark_sheet(), _mark_places(), torch.tensor([p.mark for p in colours.PALETTES])),
        "eyes": Part.make(
            parts.eye_sheet(), _heights([b.eyes for b in BODIES]), torch.tensor([colours.EYE_WHITE, colours.EYE_BLACK])
        ),
        "mouth": Part.make(
            parts.mouth_sheet(), _heights([b.mouth for b in BODIES]), torch.tensor([colours.MOUTH_DARK, colours.TONGUE])
        ),
        "hat": Part.make(parts.hat_sheet(), _heights([b.hat for b in BODIES]), _with_ink(colours.HATS)),
        "ride": Part.make(parts.ride_sheet(), feet, _with_ink(colours.RIDES)),
    }


def _with_ink(rows: Sequence[Sequence[colours.Colour]]) -> Tensor:
    return torch.tensor([(colours.PART_INK, *row) for row in rows])


def feet_of(pose: str) -> float:
    """Where the ride's upper side is, below the creature's middle."""
    return FEET + LEAP if pose == "jump" else FEET


def _heights(ys: list[float]) -> Tensor:
    return torch.tensor([[0.0, y] for y in ys])


def _mark_places() -> Tensor:
    """(marks, body, pose, 2)."""

    def place(where: str, body: int, pose: str) -> tuple[float, float]:
        b = BODIES[body]
        if where == "leg":
            foot = legs(b, pose)[1]
            return foot if pose == "sit" else (foot[0], foot[1] - 0.1)
        return {
            "cheek": (0.6, b.mouth - 0.08),
            "forehead": (0.34, b.eyes - 0.4),
            "belly": (-0.42, b.mouth + 0.36),
        }[where]

    return torch.tensor(
        [[[place(w, b, p) for p in VALUES["pose"]] for b in range(len(BODIES))] for w in parts.MARK_PLACES]
    )
