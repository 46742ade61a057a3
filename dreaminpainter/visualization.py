"""Pictures for people: what was chosen of a reference, where the hole is, and grids of results."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

_FIRST, _LAST = ImageColor.getrgb("#d5009f"), ImageColor.getrgb("#00b4d8")
"""Outlines of the token that was chosen first and of the last one; those between are mixed."""
_INK, _QUIET = "#202124", "#5f6368"


def mark_tokens(
    pixels: Tensor,
    indices: Tensor,
    grid: tuple[int, int],
    has_class_token: bool = False,
) -> Tensor:
    """The reference, faded but for the cells that were chosen.

    Outlines run from magenta for the first choice to blue for the last; where cells are large enough they carry their
    rank. A class token that was chosen stands for the whole picture and is drawn as a frame around it.

    Args:
        pixels: (3, H, W) in [-1, 1].
        indices: (K,) int64 into the tokens, best first.
        grid: (h, w) of the spatial tokens.
        has_class_token: whether token 0 is a class token, ahead of the spatial ones.

    Returns:
        (3, H, W) in [0, 1].

    Example:
        >>> marked = mark_tokens(torch.ones(3, 128, 128), torch.tensor([5, 60]), grid=(16, 16))
        >>> marked.shape
        torch.Size([3, 128, 128])
    """
    picture = pixels.detach().float().cpu() / 2 + 0.5
    height, width = picture.shape[1:]
    ranks = [index - int(has_class_token) for index in indices.tolist()]
    chosen = torch.zeros(grid)
    chosen.view(-1)[[cell for cell in ranks if cell >= 0]] = 1

    others = 0.45 * picture.mean(0, keepdim=True) + 0.55 * picture
    others = 1 - 0.4 * (1 - others)
    marked = torch.where(_stretch(chosen, height, width) > 0, picture, others)

    canvas = to_image(marked)
    for rank in reversed(range(len(ranks))):
        share = rank / max(len(ranks) - 1, 1)
        _outline(canvas, ranks[rank], grid, _mix(share), str(rank + 1))
    return _to_tensor(canvas)


def show_hole(image: Tensor, mask: Tensor) -> Tensor:
    """The scene with its hole hatched in grey.

    Args:
        image: (3, H, W) in [-1, 1].
        mask: (1, H, W) in {0, 1}, 1 in the hole.

    Returns:
        (3, H, W) in [0, 1].

    Example:
        >>> show_hole(torch.zeros(3, 64, 64), torch.ones(1, 64, 64)).shape
        torch.Size([3, 64, 64])
    """
    picture, hole = image.detach().float().cpu() / 2 + 0.5, mask.detach().float().cpu()
    height, width = hole.shape[1:]
    side = min(height, width)
    period = max(side / 16, 6.0)
    diagonal = (torch.arange(height)[:, None] + torch.arange(width)[None]) / period
    # A cosine, steepened: stripes of equal width with soft edges.
    stripes = (torch.cos(2 * torch.pi * diagonal) * 1.5).clamp(-1, 1) / 2 + 0.5
    hatch = 0.80 + 0.09 * stripes
    thickness = max(round(side / 256), 1)
    inner = 1 - F.max_pool2d(F.pad(1 - hole, (thickness,) * 4, value=1.0), 2 * thickness + 1, stride=1)
    drawn = torch.where(inner > 0, hatch, 0.45)
    return torch.where(hole > 0, drawn, picture)


def show_outline(image: Tensor, mask: Tensor) -> Tensor:
    """The scene with the outline of a mask, a dark line beside a bright one, so that it is seen on any ground.

    The bright line lies on the mask's own pixels, the dark one around them.

    Args:
        image: (3, H, W) in [-1, 1].
        mask: (1, H, W) in {0, 1}.

    Returns:
        (3, H, W) in [0, 1].

    Example:
        >>> show_outline(torch.zeros(3, 64, 64), torch.ones(1, 64, 64)).shape
        torch.Size([3, 64, 64])
    """
    picture, inside = image.detach().float().cpu() / 2 + 0.5, mask.detach().float().cpu()
    thickness = max(round(min(inside.shape[1:]) / 160), 1)
    bright = inside * _widened(1 - inside, thickness)
    dark = (1 - inside) * _widened(inside, thickness)
    first = torch.tensor(_FIRST)[:, None, None] / 255
    return torch.where(bright > 0, first, torch.where(dark > 0, picture * 0.25, picture))


def grid_picture(
    columns: Sequence[str], rows: Sequence[Sequence[Tensor]], captions: Sequence[str], cell: int = 192
) -> Image.Image:
    """Pictures side by side under column titles, a caption below each row.

    Args:
        columns: titles.
        rows: for each row a picture a column, (3, H, W) in [0, 1], of any size.
        captions: a text a row; an empty one takes no space.
        cell: longest side of a picture in pixels.

    Example:
        >>> grid_picture(["scene", "fill"], [[torch.zeros(3, 8, 8)] * 2], ["a red critter"], cell=64).width
        144
    """
    margin, gap = cell // 12 + 1, cell // 16
    title_font, caption_font = ImageFont.load_default(cell / 13 + 1), ImageFont.load_default(cell / 14 + 1)
    pictures = [[_fit(to_image(picture), cell) for picture in row] for row in rows]
    width = 2 * margin + len(columns) * (cell + gap) - gap
    wrapped = [_wrap(caption, caption_font, width - 2 * margin) for caption in captions]
    title_height, line_height = _line_height(title_font), _line_height(caption_font)
    heights = [max(picture.height for picture in row) for row in pictures]
    text_heights = [gap // 2 + len(lines) * line_height if lines else 0 for lines in wrapped]
    height = 2 * margin + title_height + sum(heights) + sum(text_heights) + gap * len(pictures)

    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    lefts = [margin + place * (cell + gap) for place in range(len(columns))]
    for left, title in zip(lefts, columns, strict=True):
        draw.text((left + cell / 2, margin), title, _INK, title_font, anchor="ma")
    top = margin + title_height + gap // 2
    for row, lines, row_height, text_height in zip(pictures, wrapped, heights, text_heights, strict=True):
        for left, picture in zip(lefts, row, strict=True):
            canvas.paste(picture, (left + (cell - picture.width) // 2, top + (row_height - picture.height) // 2))
        top += row_height
        for place, line in enumerate(lines):
            draw.text((margin, top + gap // 2 + place * line_height), line, _QUIET, caption_font)
        top += text_height + gap
    return canvas


def to_image(picture: Tensor) -> Image.Image:
    """The RGB picture of (3, H, W) in [0, 1]."""
    pixels = (picture.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def _widened(mask: Tensor, radius: int) -> Tensor:
    return F.max_pool2d(mask, 2 * radius + 1, stride=1, padding=radius)


def _stretch(cells_hw: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(cells_hw[None, None], (height, width), mode="nearest")[0]


def _outline(canvas: Image.Image, cell: int, grid: tuple[int, int], colour: tuple[int, int, int], number: str) -> None:
    draw = ImageDraw.Draw(canvas)
    thickness = max(round(canvas.width / 192), 1)
    if cell < 0:
        draw.rectangle((0, 0, canvas.width - 1, canvas.height - 1), outline=colour, width=2 * thickness)
        return
    row, column = divmod(cell, grid[1])
    height, width = canvas.height / grid[0], canvas.width / grid[1]
    left, top, right, bottom = (
        round(edge) for edge in (column * width, row * height, (column + 1) * width, (row + 1) * height)
    )
    draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=thickness)
    if min(width, height) >= 28:
        font = ImageFont.load_default(min(width, height) * 0.42)
        middle = ((left + right) / 2, (top + bottom) / 2)
        draw.text(middle, number, "white", font, anchor="mm", stroke_width=max(thickness // 2, 1), stroke_fill=_INK)


def _mix(share: float) -> tuple[int, int, int]:
    red, green, blue = (round(first + share * (last - first)) for first, last in zip(_FIRST, _LAST, strict=True))
    return red, green, blue


def _fit(picture: Image.Image, cell: int) -> Image.Image:
    factor = cell / max(picture.size)
    size = (max(round(picture.width * factor), 1), max(round(picture.height * factor), 1))
    return picture.resize(size, Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.LANCZOS)


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _line_height(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    top, bottom = font.getbbox("Ágjpy")[1::2]
    return round((bottom - top) * 1.15)


def _to_tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
