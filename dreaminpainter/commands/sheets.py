"""A picture to look many fills over at once."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from dreaminpainter.commands.requests import Request
from dreaminpainter.levels import from_levels
from dreaminpainter.pictures import mask_to_tensor, open_mask, open_reference, open_scene, to_tensor
from dreaminpainter.visualization import grid_picture, show_hole

_CELL = 192
_MOST = 40
"""Rows of a sheet; more would be no picture to look at."""


def contact_sheet(rows: Sequence[tuple[Request, list[Path]]]) -> Image.Image:
    """Scene with its hole, reference and fills of each request, one a row, at most 40 spread evenly over all."""
    shown = [rows[len(rows) * place // min(_MOST, len(rows))] for place in range(min(_MOST, len(rows)))]
    fills = max(len(paths) for _, paths in shown)
    titles = ["fill"] if fills == 1 else [f"fill {number}" for number in range(1, fills + 1)]
    pictures = []
    for request, paths in shown:
        scene = open_scene(request.image, [])
        hole = mask_to_tensor(open_mask(request.mask_image, [], size=scene.size)).float()
        reference, _ = open_reference(request.reference_image, [])
        filled = [Image.open(path).convert("RGB") for path in paths]
        small = [_small(picture) for picture in (scene, reference, *filled)]
        mask = _small(Image.fromarray((hole[0] * 255).byte().numpy()).convert("RGB"))
        first = show_hole(from_levels(to_tensor(small[0])), (to_tensor(mask)[:1] > 127).float())
        pictures.append([first, *(to_tensor(one) / 255 for one in small[1:])])
    return grid_picture(["scene", "reference", *titles], pictures, [request.prompt for request, _ in shown], _CELL)


def _small(picture: Image.Image) -> Image.Image:
    """No larger than a cell of the sheet at twice its size: photographs may be huge."""
    picture = picture.copy()
    picture.thumbnail((2 * _CELL, 2 * _CELL))
    return picture
