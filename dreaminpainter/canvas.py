"""A picture, the part of it that the network works on, and the fill laid back into it."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from diffusers.image_processor import VaeImageProcessor
from diffusers.utils import logging
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from dreaminpainter.errors import InputError

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class Canvas:
    """A picture with a hole. It stays in the numbers that it came in, so that what is not filled stays as it was.

    Args:
        picture: (3, H, W), uint8 or float in [0, 1].
        mask: (1, H, W) bool, true in the hole.
        window: rows and columns of the picture that the network sees.

    Example:
        >>> mask = torch.zeros(1, 60, 90, dtype=torch.bool)
        >>> mask[:, 20:30, 50:60] = True
        >>> canvas = Canvas.around_hole(torch.zeros(3, 60, 90, dtype=torch.uint8), mask, padding=4, size=(32, 32))
        >>> canvas.window_size, canvas.scene((32, 32)).shape
        ((18, 18), torch.Size([3, 32, 32]))
        >>> filled = canvas.filled(torch.ones(3, 32, 32))
        >>> filled[0, 25, 55].item(), filled[0, 0, 0].item()
        (255, 0)
    """

    picture: Tensor
    mask: Tensor
    window: tuple[slice, slice]

    @classmethod
    def whole(cls, picture: Tensor, mask: Tensor) -> Self:
        """The network sees all of the picture."""
        return cls(picture, mask, (slice(0, picture.shape[1]), slice(0, picture.shape[2])))

    @classmethod
    def around_hole(cls, picture: Tensor, mask: Tensor, padding: int, size: tuple[int, int]) -> Self:
        """The network sees the hole's surroundings, `padding` pixels wide, in the shape of `size` where there is room.

        The window is the one that diffusers' `padding_mask_crop` takes.
        """
        height, width = size
        hole = to_pil_image(mask.cpu().to(torch.uint8) * 255)
        left, top, right, bottom = VaeImageProcessor.get_crop_region(hole, width, height, pad=padding)
        return cls(picture, mask, (slice(int(top), int(bottom)), slice(int(left), int(right))))

    @property
    def window_size(self) -> tuple[int, int]:
        """Height and width of the window in pixels of the picture."""
        rows, columns = self.window
        return rows.stop - rows.start, columns.stop - columns.start

    def scene(self, size: tuple[int, int]) -> Tensor:
        """(3, *size) in [-1, 1]: what the window shows."""
        return as_unit(resize(self._seen(self.picture), size)) * 2 - 1

    def hole(self, size: tuple[int, int]) -> Tensor:
        """(1, *size) in {0, 1}: the hole in the window; no touched cell is lost."""
        return F.adaptive_max_pool2d(self._seen(self.mask).float(), size)

    def filled(self, fill: Tensor, feather: int = 0) -> Tensor:
        """The picture with the fill in its hole, in the picture's own numbers; every other pixel stays bit for bit.

        Args:
            fill: (3, h, w) in [0, 1], of what the window shows.
            feather: over how many pixels the fill fades in, from the edge of the hole inwards.
        """
        below, hole = self._seen(self.picture), self._seen(self.mask)
        fill = fill.to(self.picture.device)
        if self.picture.dtype == torch.uint8:
            fill = (fill * 255).round().to(torch.uint8)
        fill = resize(fill, self.window_size)
        if feather:
            mixed = torch.lerp(below.float(), fill.float(), feathered(hole, feather))
            fill = (mixed.round() if fill.dtype == torch.uint8 else mixed).to(fill.dtype)
        result = self.picture.clone()
        self._seen(result).copy_(torch.where(hole, fill, below))
        return result

    def _seen(self, picture: Tensor) -> Tensor:
        return picture[(slice(None), *self.window)]


def canvases_of(
    pictures: list[Tensor],
    masks: list[Tensor],
    height: int | None,
    width: int | None,
    padding: int | None,
    trained: tuple[int, int],
    multiple: int,
) -> tuple[list[Canvas], tuple[int, int]]:
    """Pictures with their holes, and the one (height, width) that the network works at for all of them.

    Args:
        pictures: (3, H, W) each.
        masks: (1, H, W) bool each.
        height: what is asked for; None for about the trained area in the window's shape.
        width: likewise.
        padding: see only so many pixels around each hole; None for all of the picture.
        trained: (height, width) that the model was trained at.
        multiple: what both have to be divisible by; what is asked for is rounded down to it.

    Raises:
        InputError: windows of different shapes, and no height and width for all.
    """
    if padding is None:
        canvases = [Canvas.whole(picture, mask) for picture, mask in zip(pictures, masks, strict=True)]
    else:
        shape = (height or trained[0], width or trained[1])
        canvases = [
            Canvas.around_hole(picture, mask, padding, shape) for picture, mask in zip(pictures, masks, strict=True)
        ]
    sizes = {working_size(canvas.window_size, trained, multiple) for canvas in canvases}
    if (height is None or width is None) and len(sizes) > 1:
        raise InputError("The pictures differ in shape. Give height and width for all, or fill them one by one.")
    default = sizes.pop()
    wanted = (default[0] if height is None else height, default[1] if width is None else width)
    size = (max(multiple, wanted[0] // multiple * multiple), max(multiple, wanted[1] // multiple * multiple))
    if size != wanted:
        logger.warning(f"height and width have to be multiples of {multiple} here: {wanted} became {size}.")
    return canvases, size


def feathered(hole: Tensor, pixels: int) -> Tensor:
    """(1, H, W) in [0, 1]: how much of the fill is seen, 0 outside the hole and 1 from `pixels` inside its edge on."""
    side = 2 * pixels + 1
    near = F.avg_pool2d(hole.float()[None], side, stride=1, padding=pixels, count_include_pad=False)[0]
    return (2 * near - 1).clamp(0, 1) * hole


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(C, *size), bicubic and antialiased, in the numbers of the (C, H, W) picture; one of that size stays as it is."""
    if tuple(picture.shape[1:]) == tuple(size):
        return picture
    # In this layout, since torch cannot bring levels in the other one to a single pixel.
    given = picture[None].contiguous(memory_format=torch.channels_last)
    resized = F.interpolate(given, size, mode="bicubic", antialias=True)[0]
    return resized if picture.dtype == torch.uint8 else resized.clamp(0, 1)


def as_unit(picture: Tensor) -> Tensor:
    """Float in [0, 1] of a picture in levels or in floats already."""
    return picture.float() / 255 if picture.dtype == torch.uint8 else picture


def working_size(shape: tuple[int, int], trained: tuple[int, int], multiple: int) -> tuple[int, int]:
    """(height, width) of about the trained area in the given shape, both divisible by `multiple`."""
    height, width = shape
    scale = (trained[0] * trained[1] / (height * width)) ** 0.5
    rows, columns = (max(multiple, round(side * scale / multiple) * multiple) for side in (height, width))
    return rows, columns
