"""Opens pictures as people have them, as scene, mask or reference.

The table in `picture_modes` says what happens to each kind of picture: used as it stands, converted with a note, or
refused. No conversion is silent, and nothing is guessed where information would be lost unseen.
"""

import os
import struct
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Literal, cast

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.picture_modes import FORMATS, PICTURE_MODES, PictureMode, Role, Treatment


@dataclass(frozen=True)
class EncodedPicture:
    """A picture file that lies in memory, such as one embedded in prepared data.

    Args:
        data: the file's bytes.
        name: what messages call it.
    """

    data: bytes
    name: str

    def __str__(self) -> str:
        return self.name


PathLike = str | os.PathLike[str] | EncodedPicture

_WITHOUT_ALPHA = {"RGBA": "RGB", "LA": "L"}
_WITH_ALPHA = {"RGB": "RGBA", "RGBA": "RGBA", "P": "P+alpha", "L": "LA", "LA": "LA", "1": "LA"}
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    RuntimeError,  # the AVIF decoder's
    AssertionError,  # of a PNG with a palette that it does not hold
)


def open_scene(path: PathLike, notes: list[str]) -> Image.Image:
    """The picture whose hole is to be filled, in RGB and upright.

    Its `info` holds the colour profile (`icc_profile`) where the file has one for RGB, and nothing else.

    Args:
        path: a picture file, or its bytes.
        notes: receives a sentence for each conversion.

    Raises:
        MissingFileError: there is no such file.
        InputError: the picture is refused, as `PICTURE_MODES` says.
    """
    return _rgb(_open_upright(path, "scene", notes))


def open_scene_and_alpha(path: PathLike, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """As `open_scene`, with the alpha (mode "L") that a result may keep; None where it is opaque everywhere."""
    picture = _open_upright(path, "scene", notes)
    return _rgb(picture), alpha_of(picture)


def open_stored(path: PathLike, notes: list[str], role: Literal["scene", "reference"] = "scene") -> Image.Image:
    """A picture in RGB as its pixels are stored, its EXIF orientation left alone.

    Datasets whose annotations count stored pixels, such as COCO, need this. The other arguments, and the errors, are
    `open_scene`'s.

    Args:
        path: a picture file, or its bytes.
        notes: receives a sentence for each conversion.
        role: what the picture is for; some kinds are refused as scene alone.
    """
    return _rgb(_open(path, role, notes).picture)


def open_mask(path: PathLike, notes: list[str], size: tuple[int, int] | None = None) -> Image.Image:
    """A mask in mode "L" that holds only 0 and 255; white is to be filled.

    Args:
        path: a picture file.
        notes: receives a sentence for each conversion.
        size: (width, height) of the picture that it belongs to; None where it stands alone.

    Raises:
        MissingFileError: there is no such file.
        InputError: the picture is refused, of another size, or has no white pixel.
    """
    mask = brightness(_open_upright(path, "mask", notes))
    if size is not None and mask.size != size:
        raise InputError(
            f"The mask {path} is {mask.width} x {mask.height} pixels (width x height), the picture that it belongs to "
            f"{size[0]} x {size[1]}. Give a mask of the picture's own size."
        )
    if any(mask.histogram()[1:255]):
        _treat(PICTURE_MODES["levels"], path, "mask", notes)
    mask = _threshold(mask)
    if mask.getbbox() is None:
        raise InputError(f"The mask {path} has no white pixel, so it marks nothing. Paint white what it should mark.")
    return mask


def open_reference(
    path: PathLike, notes: list[str], mask_path: PathLike | None = None
) -> tuple[Image.Image, Image.Image | None]:
    """The picture of the subject in RGB and upright, and the subject's mask (mode "L", 0 and 255).

    A mask that is given wins over the picture's alpha. Where there is neither, the mask is None.

    Args:
        path: a picture file.
        notes: receives a sentence for each conversion.
        mask_path: the subject's mask, white on the subject.

    Raises:
        MissingFileError: there is no such file.
        InputError: the picture or its mask is refused, or the picture is transparent everywhere.
    """
    picture = _open_upright(path, "reference", notes)
    alpha = alpha_of(picture)
    mask: Image.Image | None = None
    if mask_path is not None:
        mask = open_mask(mask_path, notes, size=picture.size)
        if alpha is not None:
            notes.append(f"{path}: its alpha is not read, because the mask {mask_path} was given.")
    elif alpha is None:
        notes.append(f"{path}: it has neither a mask nor an alpha channel; the whole picture is taken as the subject.")
    else:
        mask = _threshold(alpha)
        if mask.getbbox() is None:
            raise InputError(f"{path} cannot be used as reference: it is transparent everywhere. Give another picture.")
    return _rgb(picture), mask


def open_numbers(path: PathLike) -> Image.Image:
    """A picture whose pixels are numbers of objects, 0 to 255, as they are stored: mode "P" or "L".

    Raises:
        MissingFileError: there is no such file.
        InputError: the picture cannot be read, or its pixels are no such numbers.
    """
    picture = _open(path, "mask", []).picture
    if picture.mode not in ("P", "L"):
        raise InputError(
            f"{path} is a picture in mode {picture.mode}, but the numbers of objects are wanted: a PNG with a palette "
            "(P) or in grey (L). Put the original file there."
        )
    return picture


def to_tensor(image: Image.Image) -> Tensor:
    """(3, H, W) uint8 of an RGB picture."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def mask_to_tensor(mask: Image.Image) -> Tensor:
    """(1, H, W) bool of a mask, true where it is white."""
    return torch.from_numpy(np.array(mask) >= 128)[None]


@dataclass(frozen=True)
class _File:
    """A decoded file: its pixels as they are stored, its row of the table, and whether EXIF wants it turned."""

    picture: Image.Image
    row: PictureMode
    turned: bool


def _open(path: PathLike, role: Role, notes: list[str]) -> _File:
    try:
        file = _decode(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError(f"There is no file {path}, which was given as {role}. Check the path.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refusal(PICTURE_MODES["large"], path, role) from error
    except _DAMAGE as error:
        raise InputError(f"{_refusal(PICTURE_MODES['damaged'], path, role)} Reading stopped at: {error}.") from error
    _treat(file.row, path, role, notes)
    return file


def _open_upright(path: PathLike, role: Role, notes: list[str]) -> Image.Image:
    file = _open(path, role, notes)
    if not file.turned:
        return file.picture
    _treat(PICTURE_MODES["turned"], path, role, notes)
    return ImageOps.exif_transpose(file.picture)


def _decode(path: PathLike) -> _File:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(BytesIO(path.data) if isinstance(path, EncodedPicture) else path, formats=FORMATS) as picture:
            # Read first: Pillow forgets these when it loads the pixels.
            wide = _has_wide_channels(picture)
            several = picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
            picture.load()
    return _File(picture, PICTURE_MODES["frames" if several else "wide" if wide else _row_key(picture)], turned)


def _row_key(picture: Image.Image) -> str:
    if picture.mode.startswith("I;16"):
        return "I;16"
    key = (_WITHOUT_ALPHA if alpha_of(picture) is None else _WITH_ALPHA).get(picture.mode, picture.mode)
    return key if key in PICTURE_MODES else "other"


def _has_wide_channels(picture: Image.Image) -> bool:
    """Whether the file has colour of more than 8 bits a channel, which Pillow opens as 8 bits without a word."""
    if picture.mode.startswith(("I", "F")):
        return False
    for tile in getattr(picture, "tile", []):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if any(isinstance(argument, str) and ";16" in argument for argument in arguments):
            return True
        if tile.codec_name.startswith("ppm") and isinstance(arguments[-1], int) and arguments[-1] > 255:
            return True
    return False


def _refusal(row: PictureMode, path: PathLike, role: Role) -> InputError:
    treatment: Treatment = getattr(row, role)
    return InputError(f"{path} cannot be used as {role}: {row.name}; {treatment.how}.")


def _treat(row: PictureMode, path: PathLike, role: Role, notes: list[str]) -> None:
    treatment: Treatment = getattr(row, role)
    if treatment.verdict == "refused":
        raise _refusal(row, path, role)
    if treatment.verdict == "converted":
        notes.append(f"{path}: {row.name}; as {role}, {treatment.how}.")


def alpha_of(picture: Image.Image) -> Image.Image | None:
    """The picture's alpha (mode "L"); None where there is none or it is opaque everywhere."""
    if picture.mode not in _WITH_ALPHA or not picture.has_transparency_data:
        return None
    alpha = picture.convert("RGBA").getchannel("A")
    lowest, _ = cast(tuple[int, int], alpha.getextrema())
    return alpha if lowest < 255 else None


def _rgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA", "P") else None
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray(np.round(np.array(picture) / 257).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    if picture.mode != "RGB":  # converting to the same mode would copy all of it
        picture = picture.convert("RGB")
    picture.info = {} if profile is None else {"icc_profile": profile}
    return picture


def brightness(picture: Image.Image) -> Image.Image:
    """The picture in grey (mode "L"), as masks are read: laid on black where it has alpha."""
    if alpha_of(picture) is not None:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    return _rgb(picture.copy()).convert("L")


def _threshold(grey: Image.Image) -> Image.Image:
    return grey.point([0] * 128 + [255] * 128)
