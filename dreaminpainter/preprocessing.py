"""Pictures as people hand them to a pipeline, as tensors; and as tensors come back to people."""

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.utils import logging
from PIL import Image
from torch import Tensor

from dreaminpainter.canvas import as_unit, resize
from dreaminpainter.cutout import cut_out
from dreaminpainter.errors import InputError
from dreaminpainter.pictures import alpha_of, brightness
from dreaminpainter.visualization import to_image

logger = logging.get_logger(__name__)

Picture = Image.Image | np.ndarray | Tensor
Pictures = Picture | list[Picture]


def as_pictures(pictures: Pictures, channels: int) -> list[Tensor]:
    """A list of (channels, H, W) tensors, one a picture: uint8 where they came in levels, else float in [0, 1].

    They lie in main memory, wherever they came from: there all that is not a tensor lies already, so that pictures,
    masks and references go together, and there alone torch resizes whole levels.

    Args:
        pictures: PIL pictures, numpy arrays (H, W, C) or (B, H, W, C) in [0, 1] or uint8, tensors (C, H, W) or
            (B, C, H, W) in [0, 1], or in [-1, 1] where they have negative values; single, stacked or a list. Masks in
            numpy may have no C, or 3 or 4 and are then read in grey, as PIL's are.
        channels: 3 for pictures, 1 for masks.

    Raises:
        InputError: other channels, values that are not finite or out of range, or a PIL picture of more than 8 bits.
    """
    if isinstance(pictures, list):
        return [tensor for picture in pictures for tensor in as_pictures(picture, channels)]
    if isinstance(pictures, Image.Image):
        return [_from_pil(pictures, channels)]
    if isinstance(pictures, np.ndarray):
        if channels == 1 and pictures.ndim in (3, 4) and pictures.shape[-1] in (3, 4):
            return _in_grey(pictures)
        tensor = torch.from_numpy(np.ascontiguousarray(pictures))  # torch takes no mirrored views
        if tensor.ndim == 2 or (tensor.ndim == 3 and channels == 1 and tensor.shape[-1] != 1):
            tensor = tensor[..., None]
        tensor = tensor.movedim(-1, -3)
    else:
        tensor = pictures.cpu()
    if tensor.ndim == 2:
        tensor = tensor[None]
    if tensor.ndim not in (3, 4) or tensor.shape[-3] != channels:
        found = tensor.shape[-3] if tensor.ndim > 2 else 0
        raise InputError(f"A picture of shape {tuple(tensor.shape)} has {found} channels where {channels} are needed.")
    if tensor.dtype != torch.uint8:
        tensor = _in_unit_range(tensor.float(), channels)
    return list(tensor if tensor.ndim == 4 else tensor[None])


def _in_grey(masks: np.ndarray) -> list[Tensor]:
    """Masks in colour, (H, W, C) or (B, H, W, C), C 3 or 4."""
    if masks.dtype != np.uint8:
        shares = _in_unit_range(torch.from_numpy(np.ascontiguousarray(masks)).float(), channels=1)
        masks = (shares.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return [_from_pil(Image.fromarray(mask), channels=1) for mask in masks.reshape(-1, *masks.shape[-3:])]


def _in_unit_range(tensor: Tensor, channels: int) -> Tensor:
    if not torch.isfinite(tensor).all():
        raise InputError("A picture holds values that are not finite (NaN or infinity).")
    if tensor.abs().max() > 1.001:  # interpolation may overshoot by a rounding error
        raise InputError(
            f"A picture holds values up to {tensor.abs().max():.4g}. Give floats in [0, 1] or [-1, 1], or uint8."
        )
    return tensor / 2 + 0.5 if channels == 3 and tensor.min() < 0 else tensor


def _from_pil(picture: Image.Image, channels: int) -> Tensor:
    if picture.mode.startswith(("I", "F")):
        raise InputError(
            f"A picture is in mode {picture.mode}, of more than 8 bits a channel, which would be cut off. Convert it "
            "to RGB or L first."
        )
    if channels == 3 and alpha_of(picture) is not None:
        logger.warning("A picture has transparent parts; the colours under them are shown.")
    array = np.array(picture.convert("RGB") if channels == 3 else brightness(picture))
    return torch.from_numpy(array).reshape(*array.shape[:2], channels).permute(2, 0, 1).contiguous()


def as_masks(masks: Pictures, pictures: list[Tensor], names: tuple[str, str] = ("mask_image", "image")) -> list[Tensor]:
    """(1, H, W) bool tensors, one a picture and of its size; half white and above is true.

    Args:
        masks: one for all pictures, or one for each.
        pictures: what they are masks of.
        names: what the caller calls masks and pictures, for the messages.

    Raises:
        InputError: a mask of another size than its picture, a mask with nothing to fill, or another count.
    """
    found = [mask >= (128 if mask.dtype == torch.uint8 else 0.5) for mask in as_pictures(masks, channels=1)]
    mask_name, picture_name = names
    found = repeat_to(found, len(pictures), mask_name)
    for mask, picture in zip(found, pictures, strict=True):
        if mask.shape[1:] != picture.shape[1:]:
            raise InputError(
                f"{mask_name} is {mask.shape[2]} x {mask.shape[1]} and {picture_name} is {picture.shape[2]} x "
                f"{picture.shape[1]} pixels. Make a mask of the picture's own size."
            )
        if not mask.any():
            raise InputError(
                f"{mask_name} is empty: nothing in it is white (255 in whole numbers, 1 in floats). Paint white what "
                "it is to mark."
            )
    return found


def as_references(references: Pictures, masks: Pictures | None, size: int) -> tuple[Tensor, Tensor]:
    """Subjects on white: pixels (B, 3, size, size) in [-1, 1] and masks (B, 1, size, size) in {0, 1}.

    The mask of a PIL picture with alpha is its alpha, unless a mask is given. A picture without either is taken as it
    is, padded to a square, and counts as subject all over.
    """
    if masks is None:
        references, masks = _alpha_apart(references)
    pictures = as_pictures(references, channels=3)
    if masks is None:
        squares = torch.stack([as_unit(resize(_padded_square(picture), (size, size))) for picture in pictures])
        return squares * 2 - 1, torch.ones_like(squares[:, :1])
    cut = [
        cut_out(picture if picture.dtype == torch.uint8 else (picture * 255).round().to(torch.uint8), mask, size)
        for picture, mask in zip(
            pictures, as_masks(masks, pictures, names=("reference_mask", "reference_image")), strict=True
        )
    ]
    pixels, subjects = zip(*cut, strict=True)
    return torch.stack(pixels), torch.stack(subjects)


def _alpha_apart(references: Pictures) -> tuple[Pictures, Pictures | None]:
    """Cut-outs as their colours and their alpha, which is their mask; None where they are none."""
    given = references if isinstance(references, list) else [references]
    alphas = [alpha_of(one) if isinstance(one, Image.Image) else None for one in given]
    found = [alpha for alpha in alphas if alpha is not None]
    if not found:
        return references, None
    if len(found) < len(given):
        raise InputError(
            f"{len(found)} of {len(given)} references have alpha, which cuts them out, and the others have none. Cut "
            "out all of them, or give reference_mask."
        )
    return [cast(Image.Image, one).convert("RGB") for one in given], list(found)


def repeat_to(items: list[Any], count: int, name: str) -> list[Any]:
    """`items`, or its only one `count` times."""
    if len(items) == 1:
        return items * count
    if len(items) != count:
        raise InputError(f"There are {len(items)} of {name} and {count} pictures. Give one for all, or one for each.")
    return items


def to_output(pictures: list[Tensor], output_type: str, device: torch.device | None = None) -> Any:
    """Pictures as PIL has them or as one array.

    Args:
        pictures: (3, H, W) each, uint8 or in [0, 1].
        output_type: "pil" (a list), "np" (B, H, W, C) or "pt" (B, C, H, W), the latter two in [0, 1].
        device: where a tensor shall lie; None for where the pictures do.

    Raises:
        InputError: pictures of different sizes as one array.
    """
    if output_type == "pil":
        return [_to_pil(picture) for picture in pictures]
    if len({picture.shape for picture in pictures}) > 1:
        raise InputError(f'Pictures of different sizes cannot be one {output_type} array. Ask for output_type="pil".')
    stacked = torch.stack([as_unit(picture) for picture in pictures])
    return stacked.to(device) if output_type == "pt" else stacked.permute(0, 2, 3, 1).cpu().numpy()


def _to_pil(picture: Tensor) -> Image.Image:
    if picture.dtype == torch.uint8:
        return Image.fromarray(picture.permute(1, 2, 0).cpu().numpy())
    return to_image(picture)


def _padded_square(picture: Tensor) -> Tensor:
    height, width = picture.shape[1:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    white = 255 if picture.dtype == torch.uint8 else 1.0
    return F.pad(picture, (left, side - width - left, top, side - height - top), value=white)
