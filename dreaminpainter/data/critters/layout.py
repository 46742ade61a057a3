"""Where a scene's things are, drawn independently of what they are."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from dreaminpainter.randomness import uniform

SMALLEST, LARGEST = 0.165, 0.252
"""The range of `Layout.unit`; at the largest, any hat and ride still fit."""
REACH = 1.72
"""How far the widest critter reaches to each side, in units."""
HEIGHT = 3.82
"""From the ground to the tip of the highest hat on the highest ride, in units."""


@dataclass(frozen=True)
class Layout:
    """(B,) float32 each, in shares of the picture's side unless said otherwise.

    Args:
        unit: the creature's unit, about half its body's height.
        x: the creature's middle.
        ground: where the creature, or its ride, touches the ground.
        horizon: height of the horizon.
        land_shift: which part of the panorama is seen.
        sky_shift: the same for the sky.
        sun_x: the sun's, or the moon's, middle.
        sun_y: the same, vertically.
    """

    unit: Tensor
    x: Tensor
    ground: Tensor
    horizon: Tensor
    land_shift: Tensor
    sky_shift: Tensor
    sun_x: Tensor
    sun_y: Tensor

    def to(self, device: torch.device | str) -> "Layout":
        return Layout(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def __getitem__(self, index: slice) -> "Layout":
        return Layout(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def draw_layout(keys: Tensor) -> Layout:
    """The layouts of the samples `keys`: whole in the picture, feet on the ground below the horizon."""
    u = uniform(keys, (8,), "critters layout").unbind(1)
    unit = SMALLEST + u[0] * (LARGEST - SMALLEST)
    side = REACH * unit
    horizon = 0.5 + u[3] * 0.16
    highest = torch.maximum(HEIGHT * unit, horizon + 0.1)
    return Layout(
        unit=unit,
        x=side + u[1] * (1 - 2 * side),
        ground=highest + u[2] * (0.975 - highest),
        horizon=horizon,
        land_shift=u[4],
        sky_shift=u[5],
        sun_x=0.12 + 0.76 * u[6],
        sun_y=0.1 + 0.16 * u[7],
    )
