"""Pictures as people hand them to a pipeline, as tensors; and the fill laid back into the picture it came from."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreaminpainter.cutout import cut_out
from dreaminpainter.errors import InputError
from dreaminpainter.visualization import to_image

Picture = Image.Image | np.ndarray | Tensor
Pictures = Picture | list[Picture]


def as_pictures(pictures: Pictures, channels: int) -> list[Tensor]:
    """A list of (channels, H, W) float tensors in [0, 1], one a picture.

    Args:
        pictures: PIL pictures, numpy arrays (H, W, C) or (B, H, W, C) in [0, 1] or uint8, tensors (C, H, W) or
            (B, C, H, W) in [0, 1], or in [-1, 1] where they have negative values; single, stacked or a list.
        channels: 3 for pictures, 1 for masks.
    """
    if isinstance(pictures, list):
        return [tensor for picture in pictures for tensor in as_pictures(picture, channels)]
    if isinstance(pictures, Image.Image):
        array = np.asarray(pictures.convert("RGB" if channels == 3 else "L"))
        return [torch.from_numpy(array.copy()).reshape(*array.shape[:2], channels).permute(2, 0, 1).float() / 255]
    if isinstance(pictures, np.ndarray):
        tensor = torch.from_numpy(pictures)
        if tensor.ndim == 2 or (tensor.ndim == 3 and channels == 1 and tensor.shape[-1] != 1):
            tensor = tensor[..., None]
        tensor = tensor.movedim(-1, -3)
    else:
        tensor = pictures
    tensor = tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()
    if tensor.ndim == 2:
        tensor = tensor[None]
    if tensor.shape[-3] != channels:
        raise InputError(
            f"A picture of shape {tuple(tensor.shape)} has {tensor.shape[-3]} channels where {channels} are needed."
        )
    if not torch.isfinite(tensor).all():
        raise InputError("A picture holds values that are not finite (NaN or infinity).")
    if tensor.abs().max() > 1.001:  # interpolation may overshoot by a rounding error
        raise InputError(
            f"A picture holds values up to {tensor.abs().max():.4g}. Give floats in [0, 1] or [-1, 1], or uint8."
        )
    if channels == 3 and tensor.min() < 0:
        tensor = tensor / 2 + 0.5
    return list(tensor if tensor.ndim == 4 else tensor[None])


def as_masks(masks: Pictures, pictures: list[Tensor], names: tuple[str, str] = ("mask_image", "image")) -> list[Tensor]:
    """(1, H, W) float tensors in {0, 1}, one a picture and of its size; 0.5 and above is 1.

    Args:
        masks: one for all pictures, or one for each.
        pictures: what they are masks of.
        names: what the caller calls masks and pictures, for the messages.

    Raises:
        InputError: a mask of another size than its picture, a mask with nothing to fill, or another count.
    """
    found = [(mask >= 0.5).float() for mask in as_pictures(masks, channels=1)]
    mask_name, picture_name = names
    found = repeat_to(found, len(pictures), mask_name)
    for mask, picture in zip(found, pictures, strict=True):
        if mask.shape[1:] != picture.shape[1:]:
            raise InputError(
                f"{mask_name} is {mask.shape[2]} x {mask.shape[1]} and {picture_name} is {picture.shape[2]} x "
                f"{picture.shape[1]} pixels. Make a mask of the picture's own size."
            )
        if not mask.any():
            raise InputError(f"{mask_name} is empty: nothing in it is white. Paint white what it is to mark.")
    return found


def as_references(references: Pictures, masks: Pictures | None, size: int) -> tuple[Tensor, Tensor]:
    """Subjects on white: pixels (B, 3, size, size) in [-1, 1] and masks (B, 1, size, size) in {0, 1}.

    A picture without a mask is taken as it is, padded to a square, and counts as subject all over.
    """
    pictures = as_pictures(references, channels=3)
    if masks is None:
        squares = resize([_padded_square(picture) for picture in pictures], (size, size))
        return squares * 2 - 1, torch.ones_like(squares[:, :1])
    cut = [
        cut_out((picture * 255).round().to(torch.uint8), mask > 0.5, size)
        for picture, mask in zip(
            pictures, as_masks(masks, pictures, names=("reference_mask", "reference_image")), strict=True
        )
    ]
    pixels, subjects = zip(*cut, strict=True)
    return torch.stack(pixels), torch.stack(subjects)


def repeat_to(items: list[Any], count: int, name: str) -> list[Any]:
    """`items`, or its only one `count` times."""
    if len(items) == 1:
        return items * count
    if len(items) != count:
        raise InputError(f"There are {len(items)} of {name} and {count} pictures. Give one for all, or one for each.")
    return items


def working_size(picture: Tensor, trained: tuple[int, int], multiple: int) -> tuple[int, int]:
    """(height, width) of about the trained area in the picture's own shape, both divisible by `multiple`."""
    height, width = picture.shape[1:]
    scale = (trained[0] * trained[1] / (height * width)) ** 0.5
    rows, columns = (max(multiple, round(side * scale / multiple) * multiple) for side in (height, width))
    return rows, columns


def resize(pictures: list[Tensor], size: tuple[int, int]) -> Tensor:
    """(B, C, *size), antialiased; a picture of that size is left as it is."""
    return torch.cat(
        [
            picture[None]
            if tuple(picture.shape[1:]) == size
            else F.interpolate(picture[None], size, mode="bicubic", antialias=True).clamp(0, 1)
            for picture in pictures
        ]
    )


def resize_masks(masks: list[Tensor], size: tuple[int, int]) -> Tensor:
    """(B, 1, *size) by max-pooling, so that no touched cell is lost; larger sizes repeat cells."""
    return torch.cat([F.adaptive_max_pool2d(mask[None], size) for mask in masks])


def paste(fills: Tensor, pictures: list[Tensor], masks: list[Tensor]) -> list[Tensor]:
    """Each fill, scaled to its picture, inside its mask; every other pixel is the picture's own, bit for bit."""
    return [
        torch.where(mask > 0.5, resize([fill], (picture.shape[1], picture.shape[2]))[0], picture)
        for fill, picture, mask in zip(fills, pictures, masks, strict=True)
    ]


def to_output(pictures: list[Tensor], output_type: str) -> Any:
    """Pictures in [0, 1] as "pil" (a list), "np" (B, H, W, C) or "pt" (B, C, H, W)."""
    if output_type != "pil" and len({picture.shape for picture in pictures}) > 1:
        raise InputError(f'Pictures of different sizes cannot be one {output_type} array. Ask for output_type="pil".')
    if output_type == "pt":
        return torch.stack(pictures)
    if output_type == "np":
        return torch.stack(pictures).permute(0, 2, 3, 1).cpu().numpy()
    return [to_image(picture) for picture in pictures]


def _padded_square(picture: Tensor) -> Tensor:
    height, width = picture.shape[1:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    return F.pad(picture, (left, side - width - left, top, side - height - top), value=1.0)
