"""The colours of the drawn world, in [0, 1]; one row a value, in the order of `attributes.VALUES`."""

from typing import NamedTuple

import torch
from torch import Tensor

Colour = tuple[float, float, float]


class Palette(NamedTuple):
    """A critter's colours."""

    base: Colour
    second: Colour
    mark: Colour
    """Tells apart from both others."""


PALETTES = (
    Palette((0.98, 0.48, 0.42), (1.00, 0.86, 0.70), (0.16, 0.20, 0.52)),
    Palette((0.14, 0.66, 0.64), (0.76, 0.95, 0.84), (0.72, 0.08, 0.30)),
    Palette((0.57, 0.41, 0.84), (0.86, 0.78, 0.99), (0.72, 0.98, 0.30)),
    Palette((0.97, 0.76, 0.22), (1.00, 0.95, 0.74), (0.55, 0.12, 0.14)),
    Palette((0.32, 0.58, 0.95), (0.86, 0.94, 1.00), (0.85, 0.25, 0.05)),
    Palette((0.50, 0.76, 0.28), (0.90, 0.96, 0.62), (0.45, 0.10, 0.45)),
    Palette((0.96, 0.56, 0.76), (1.00, 0.89, 0.93), (0.10, 0.34, 0.60)),
    Palette((0.66, 0.45, 0.33), (0.96, 0.83, 0.62), (0.16, 0.92, 0.86)),
    Palette((0.50, 0.55, 0.68), (0.99, 0.66, 0.34), (0.98, 0.98, 0.92)),
)
INK = 0.27
"""An outline is the base colour, this dark."""
EYE_WHITE: Colour = (1.0, 1.0, 0.98)
EYE_BLACK: Colour = (0.10, 0.08, 0.13)
MOUTH_DARK: Colour = (0.28, 0.06, 0.12)
TONGUE: Colour = (0.96, 0.42, 0.46)

_GREY: Colour = (0.5, 0.5, 0.5)
_NONE = (_GREY, _GREY, _GREY)
HATS: tuple[tuple[Colour, Colour, Colour], ...] = (
    _NONE,
    ((0.22, 0.22, 0.30), (0.86, 0.20, 0.26), (0.5, 0.5, 0.5)),
    ((1.00, 0.80, 0.20), (0.85, 0.56, 0.10), (0.84, 0.14, 0.28)),
    ((0.25, 0.72, 0.86), (1.00, 0.96, 0.50), (0.98, 0.38, 0.56)),
    ((0.84, 0.22, 0.24), (0.98, 0.96, 0.92), (0.68, 0.13, 0.18)),
)
RIDES: tuple[tuple[Colour, Colour, Colour], ...] = (
    _NONE,
    ((0.92, 0.36, 0.30), (0.98, 0.86, 0.40), (0.35, 0.35, 0.40)),
    ((0.30, 0.48, 0.82), (0.98, 0.94, 0.80), (0.98, 0.78, 0.30)),
    ((0.76, 0.46, 0.26), (0.96, 0.94, 0.90), (0.90, 0.30, 0.28)),
    ((0.52, 0.36, 0.24), (0.92, 0.76, 0.52), (0.36, 0.23, 0.15)),
)
PART_INK: Colour = (0.16, 0.12, 0.16)


class Land(NamedTuple):
    """A place's colours by day."""

    far: Colour
    near: Colour
    detail: Colour
    accent: Colour
    horizon: Colour
    ground: Colour


LANDS = (
    Land(
        far=(0.56, 0.78, 0.52),
        near=(0.28, 0.58, 0.36),
        detail=(0.98, 0.96, 0.90),
        accent=(0.98, 0.72, 0.30),
        horizon=(0.62, 0.84, 0.44),
        ground=(0.40, 0.70, 0.32),
    ),
    Land(
        far=(0.16, 0.60, 0.78),
        near=(0.30, 0.62, 0.44),
        detail=(0.88, 0.97, 1.00),
        accent=(0.96, 0.52, 0.44),
        horizon=(0.99, 0.91, 0.70),
        ground=(0.92, 0.78, 0.52),
    ),
    Land(
        far=(0.70, 0.79, 0.92),
        near=(0.24, 0.46, 0.46),
        detail=(1.00, 1.00, 1.00),
        accent=(0.78, 0.85, 0.95),
        horizon=(0.97, 0.98, 1.00),
        ground=(0.83, 0.89, 0.97),
    ),
    Land(
        far=(0.86, 0.56, 0.40),
        near=(0.34, 0.56, 0.34),
        detail=(0.80, 0.55, 0.34),
        accent=(0.62, 0.42, 0.30),
        horizon=(0.96, 0.78, 0.50),
        ground=(0.88, 0.64, 0.38),
    ),
    Land(
        far=(0.62, 0.68, 0.80),
        near=(0.72, 0.50, 0.46),
        detail=(1.00, 0.88, 0.55),
        accent=(0.95, 0.95, 0.92),
        horizon=(0.66, 0.67, 0.70),
        ground=(0.48, 0.49, 0.54),
    ),
)
LIT = 4
"""The place whose details shine at night: a city's windows."""

TIMES: tuple[Colour, ...] = ((1.0, 1.0, 1.0), (1.0, 0.76, 0.68), (0.34, 0.38, 0.58))
"""The light that a time of day throws on the land."""

CLEAR_SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((0.30, 0.62, 0.94), (0.80, 0.93, 1.00)),
    ((0.44, 0.34, 0.66), (1.00, 0.66, 0.42)),
    ((0.05, 0.07, 0.22), (0.20, 0.24, 0.48)),
)
"""(top, horizon) for each time of day."""
OVERCAST: tuple[float, ...] = (0.0, 0.45, 0.75, 0.6)
"""How much grey each weather mixes into the sky."""
GREY = 0.62
CLOUDS: tuple[tuple[Colour, ...], ...] = (
    ((1.0, 1.0, 1.0), (1.0, 0.84, 0.76), (1.0, 0.98, 0.86)),
    ((0.94, 0.95, 0.97), (0.86, 0.66, 0.66), (0.34, 0.37, 0.50)),
    ((0.56, 0.60, 0.68), (0.55, 0.44, 0.52), (0.22, 0.24, 0.34)),
    ((0.84, 0.87, 0.92), (0.80, 0.68, 0.74), (0.36, 0.40, 0.54)),
)
"""By weather and time; on a clear night the stars'."""
FALLING: tuple[Colour, ...] = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (0.72, 0.84, 0.98), (1.0, 1.0, 1.0))
SUNS: tuple[Colour, ...] = ((1.0, 0.95, 0.62), (1.0, 0.86, 0.50), (0.96, 0.96, 0.86))


def sky_table() -> Tensor:
    """(weather, time, top or horizon, 3)."""
    clear = torch.tensor(CLEAR_SKIES)
    grey = clear.mean(-1, keepdim=True) * 0.55 + GREY * 0.45 * clear.mean((1, 2), keepdim=True)
    share = torch.tensor(OVERCAST)[:, None, None, None]
    return clear + share * (grey - clear)


def land_table() -> Tensor:
    """(place, time, layer of `Land`, 3)."""
    table = torch.tensor(LANDS)[:, None] * torch.tensor(TIMES)[:, None]
    detail = Land._fields.index("detail")
    table[LIT, :, detail] = torch.tensor(LANDS[LIT].detail)
    return table
