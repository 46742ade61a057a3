"""The world behind a critter: sky, land, weather, and the shadow that it throws."""

from functools import cache, partial

import torch
from torch import Tensor

from dreaminpainter.data.critters.attributes import VALUES, Codes
from dreaminpainter.data.critters.colours import CLOUDS, FALLING, SUNS, land_table, sky_table
from dreaminpainter.data.critters.lands import LANDS, PANORAMA, sky
from dreaminpainter.data.critters.layout import Layout
from dreaminpainter.data.critters.shapes import Sheet, coverage, make_sheet


def draw_scenery(codes: Codes, layout: Layout, pixels: int) -> Tensor:
    """(B, 3, pixels, pixels) in [0, 1]: the scene without critter, ride and shadow."""
    device = layout.x.device
    skies, lands, clouds, falling, suns, land_sheet, sky_sheet = _tables(str(device))
    place, weather, time = codes["place"], codes["weather"], codes["time"]
    line = (torch.arange(pixels, device=device) + 0.5) / pixels
    down_BH = line[None] - layout.horizon[:, None]

    sky_B23 = skies[weather, time][..., None, None]
    height = ((down_BH + 0.5) * 2).clamp(0, 1)[:, None, :, None]
    rows = torch.lerp(sky_B23[:, 0], sky_B23[:, 1], height)
    image = rows.expand(-1, -1, -1, pixels).contiguous()

    dx = (line[None] - layout.sun_x[:, None])[:, None, None, :]
    dy = (line[None] - layout.sun_y[:, None])[:, None, :, None]
    radius = (dx * dx + dy * dy).sqrt_()
    shines = (weather == 0).float()[:, None, None, None]
    glow = radius.mul(-2.6).add_(1).clamp_(0, 1)
    image.lerp_(suns[time][..., None, None], glow.mul_(glow).mul_(shines * 0.45))
    image.lerp_(suns[time][..., None, None], coverage(radius.sub_(0.065).mul_(pixels)).mul_(shines))

    across_BW, rows_BH = line[None] + layout.sky_shift[:, None], line[None].expand(len(place), -1)
    drift, drops = sky_sheet.sample(weather * 2 + (time == 2), across_BW, rows_BH).mul_(pixels)
    _paint(image, clouds[weather, time], coverage(drift).mul_(0.9))

    across_BW = line[None] + layout.land_shift[:, None]
    far, near, detail, accent = land_sheet.sample(place, across_BW, down_BH).mul_(pixels)
    far_B3, near_B3, detail_B3, accent_B3, horizon_B3, ground_B3 = lands[place, time].unbind(1)
    _paint(image, far_B3, coverage(far))
    depth = (down_BH * 2.4).clamp(0, 1)[:, None, :, None]
    floor = torch.lerp(horizon_B3[..., None, None], ground_B3[..., None, None], depth)
    image.lerp_(floor, (down_BH * pixels + 0.5).clamp(0, 1)[:, None, :, None])
    _paint(image, near_B3, coverage(near))
    _paint(image, detail_B3, coverage(detail))
    _paint(image, accent_B3, coverage(accent))
    _paint(image, falling[weather], coverage(drops).mul_(0.8))
    return image


def cast_shadow(image: Tensor, layout: Layout, half_width: Tensor) -> None:
    """Darkens the ground below the critter, in place.

    Args:
        image: (B, 3, H, H), as `draw_scenery` gives it.
        layout: where the critter is.
        half_width: (B,) of the shadow, in the creature's unit.
    """
    line = (torch.arange(image.shape[-1], device=image.device) + 0.5) / image.shape[-1]
    dx = (line[None] - layout.x[:, None]) / (layout.unit * half_width)[:, None]
    dy = (line[None] - layout.ground[:, None] + 0.02 * layout.unit[:, None]) / (layout.unit * 0.17)[:, None]
    inside = (1 - (dx * dx)[:, None, None, :] - (dy * dy)[:, None, :, None]).clamp_(0, 0.5)
    image.mul_(inside.mul_(-0.7).add_(1))


def _paint(image: Tensor, colour_B3: Tensor, cover_BHW: Tensor) -> None:
    image.lerp_(colour_B3[..., None, None], cover_BHW[:, None])


@cache
def _tables(device: str) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Sheet, Sheet]:
    skies = [partial(sky, weather, night) for weather in VALUES["weather"] for night in (False, True)]
    sky_sheet = make_sheet((0.0, 0.0, PANORAMA, 1.0), 144, skies)
    land_sheet = make_sheet((0.0, -0.46, PANORAMA, 0.62), 144, [LANDS[place] for place in VALUES["place"]])
    colours = [sky_table(), land_table(), torch.tensor(CLOUDS), torch.tensor(FALLING), torch.tensor(SUNS)]
    sky_colours, lands, clouds, falling, suns = (table.to(device) for table in colours)
    return sky_colours, lands, clouds, falling, suns, land_sheet.to(device), sky_sheet.to(device)
