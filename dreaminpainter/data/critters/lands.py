"""The shapes of places and skies, as wide panoramas of which a scene shows a part."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from dreaminpainter.data.critters.shapes import Plane, union, within
from dreaminpainter.randomness import uniform

PANORAMA = 2.0
"""How many pictures wide land and sky are."""

Land = tuple[Tensor, Tensor, Tensor, Tensor]
"""What is far, what is near, details, accents; y = 0 is the horizon."""


def sky(weather: str, night: bool, p: Plane) -> tuple[Tensor, Tensor]:
    """Clouds (on a clear night: stars), and what falls; y = 0 is the picture's upper side."""
    if weather == "clear" and night:
        return _scatter("stars", 90, (0.02, 0.5), lambda x, y, s: p.circle(x, y, 0.0035 + 0.006 * s * s)), p.nothing()
    if weather == "clear":
        return _scatter("fair clouds", 5, (0.08, 0.28), lambda x, y, s: _cloud(p, x, y, 0.05 + 0.03 * s)), p.nothing()
    puffs = _scatter("clouds", 22, (0.06, 0.13), lambda x, y, s: p.circle(x, y, 0.05 + 0.06 * s))
    clouds = union(puffs, p.y - 0.1)
    if weather == "rain":
        drops = _scatter("rain", 130, (0.1, 1.0), lambda x, y, s: p.stroke([(x, y), (x - 0.016, y + 0.05)], 0.0032))
        return clouds, drops
    if weather == "snow":
        return clouds, _scatter("snow", 150, (0.03, 1.0), lambda x, y, s: p.circle(x, y, 0.006 + 0.007 * s))
    return clouds, p.nothing()


def _meadow(p: Plane) -> Land:
    hills = _waves(p, -0.1, (0.05, 3, 0.4), (0.03, 7, 2.0))
    crowns = _scatter("trees", 7, (-0.16, -0.12), lambda x, y, s: p.circle(x, y, 0.06 + 0.03 * s))
    trunks = _scatter("trees", 7, (-0.03, -0.03), lambda x, y, s: p.box(x, y, 0.012, 0.08))
    petals = _scatter("petals", 36, (0.05, 0.6), lambda x, y, s: p.ellipse(x, y, 0.006 + 0.02 * y, 0.005 + 0.014 * y))
    blooms = _scatter("blooms", 30, (0.05, 0.6), lambda x, y, s: p.ellipse(x, y, 0.006 + 0.02 * y, 0.005 + 0.014 * y))
    return hills, union(crowns, trunks), petals, blooms


def _beach(p: Plane) -> Land:
    sea = within(p.below(torch.tensor(-0.14)), p.y - 0.02)
    islands = _scatter("islands", 3, (-0.135, -0.135), lambda x, y, s: p.ellipse(x, y, 0.1 + 0.06 * s, 0.05 + 0.03 * s))
    surf = _waves(p, 0.012, (0.008, 9, 0.0), (0.006, 21, 1.0)).abs() - 0.009
    crests = _scatter("crests", 22, (-0.12, -0.03), lambda x, y, s: p.stroke([(x, y), (x + 0.06, y)], 0.004))
    shells = _scatter("shells", 22, (0.1, 0.6), lambda x, y, s: p.ellipse(x, y, 0.008 + 0.02 * y, 0.005 + 0.014 * y))
    return sea, within(islands, p.y + 0.135), union(surf, crests), shells


def _snowy_hill(p: Plane) -> Land:
    def peak(x: float, y: float, s: float) -> Tensor:
        return p.polygon([(x - 0.26, 0.02), (x, y), (x + 0.26, 0.02)])

    def pine(x: float, y: float, s: float) -> Tensor:
        size = 0.7 + 0.6 * s
        tiers = ((y - 0.055 * k * size, (0.075 - 0.017 * k) * size) for k in range(3))
        return union(*(p.polygon([(x - w, v), (x, v - 0.09 * size), (x + w, v)]) for v, w in tiers))

    def cap(x: float, y: float, s: float) -> Tensor:
        size = 0.7 + 0.6 * s
        low, high = y - 0.16 * size, y - 0.202 * size
        return p.polygon([(x - 0.02 * size, low), (x, high), (x + 0.02 * size, low)], 0.003)

    def drift(x: float, y: float, s: float) -> Tensor:
        return p.stroke([(x, y), (x + 0.05 + 0.1 * y, y)], 0.003 + 0.008 * y)

    trees = (0.02, 0.02)
    return (
        _scatter("peaks", 8, (-0.34, -0.2), peak),
        _scatter("pines", 11, trees, pine),
        _scatter("pines", 11, trees, cap),
        _scatter("drifts", 24, (0.06, 0.6), drift),
    )


def _desert(p: Plane) -> Land:
    def mesa(x: float, y: float, s: float) -> Tensor:
        return p.polygon([(x - 0.2, 0.03), (x - 0.13, y), (x + 0.11, y), (x + 0.19, 0.03)], 0.01)

    def cactus(x: float, y: float, s: float) -> Tensor:
        arms = ((0.05, 0.35 * y), (-0.045, 0.55 * y))
        bent = (p.stroke([(x, v), (x + d, v), (x + d, v - 0.05)], 0.013) for d, v in arms)
        return union(p.stroke([(x, 0.03), (x, y)], 0.018), *bent)

    def ripple(x: float, y: float, s: float) -> Tensor:
        return p.stroke([(x, y), (x + 0.04, y - 0.008), (x + 0.09, y)], 0.003 + 0.006 * y)

    def stone(x: float, y: float, s: float) -> Tensor:
        return p.ellipse(x, y, 0.008 + 0.025 * y, 0.006 + 0.016 * y)

    return (
        _scatter("mesas", 5, (-0.23, -0.13), mesa),
        _scatter("cacti", 6, (-0.22, -0.14), cactus),
        _scatter("ripples", 26, (0.08, 0.6), ripple),
        _scatter("stones", 14, (0.06, 0.6), stone),
    )


def _city(p: Plane) -> Land:
    towers = _scatter("towers", 14, (0.0, 0.0), lambda x, y, s: p.box(x, y, 0.05 + 0.03 * s, 0.2 + 0.2 * s))
    houses = _scatter("houses", 10, (0.0, 0.0), lambda x, y, s: p.box(x, y, 0.075, 0.1 + 0.09 * s))
    panes = within((p.x % 0.05 - 0.025).abs() - 0.009, (p.y % 0.06 - 0.03).abs() - 0.013)
    windows = within(panes, houses + 0.012, p.y + 0.015)
    kerb = (p.y - 0.03).abs() - 0.008
    dashes = within((p.y - 0.3).abs() - 0.012, (p.x % 0.24 - 0.12).abs() - 0.07)
    return towers, houses, windows, union(kerb, dashes)


LANDS: dict[str, Callable[[Plane], Land]] = {
    "meadow": _meadow,
    "beach": _beach,
    "snowy hill": _snowy_hill,
    "desert": _desert,
    "city": _city,
}


def _scatter(
    name: str, count: int, rows: tuple[float, float], paint: Callable[[float, float, float], Tensor]
) -> Tensor:
    """`count` shapes spread over the panorama, painted from x, y within `rows` and a number in [0, 1)."""
    u = uniform(torch.arange(count), (3,), f"critters {name}")
    x = (torch.arange(count) + 0.15 + 0.7 * u[:, 0]) * (PANORAMA / count)
    y = rows[0] + (rows[1] - rows[0]) * u[:, 1]
    return union(*(paint(*place) for place in zip(x.tolist(), y.tolist(), u[:, 2].tolist(), strict=True)))


def _cloud(p: Plane, x: float, y: float, size: float) -> Tensor:
    puffs = ((-0.9, 0.0, 0.42), (-0.35, -0.28, 0.55), (0.3, -0.2, 0.5), (0.9, 0.02, 0.4))
    heap = union(*(p.circle(x + size * a, y + size * b, size * r) for a, b, r in puffs))
    return within(union(heap, p.box(x, y + 0.2 * size, size, 0.2 * size)), p.y - (y + 0.32 * size))


def _waves(p: Plane, level: float, *terms: tuple[float, float, float]) -> Tensor:
    """Below a line of sines (height, half cycles per unit, phase)."""
    line = sum((a * torch.sin(math.pi * f * p.x + phase) for a, f, phase in terms), torch.tensor(level))
    return (line - p.y) * 0.9
