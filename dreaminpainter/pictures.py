"""Opens pictures as people have them, as scene, mask or reference.

`PICTURE_MODES` is the one truth of what happens to each kind of picture in each role: used as it stands, converted
with a note, or refused. The functions below act on it, `docs/pictures.md` is written from it, and the tests make a file
for each of its rows. No conversion is silent, and nothing is guessed where information would be lost unseen.

Example:
    >>> PICTURE_MODES["CMYK"].scene.verdict, PICTURE_MODES["L"].mask.verdict
    ('converted', 'used')
"""

import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from dreaminpainter.errors import InputError, MissingFileError

PathLike = str | os.PathLike[str]
Role = Literal["scene", "mask", "reference"]

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM")
"""The file formats that are opened. Others, such as EPS, would start programs of their own."""


@dataclass(frozen=True)
class Treatment:
    """What happens to one kind of picture in one role.

    Args:
        verdict: the outcome.
        how: a clause that says how it is converted, or why it is refused and what to do.
    """

    verdict: Literal["used", "converted", "refused"]
    how: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.how}" if self.how else self.verdict


@dataclass(frozen=True)
class PictureMode:
    """One row of the table: a kind of picture, and its treatment in each role."""

    name: str
    scene: Treatment
    mask: Treatment
    reference: Treatment


_USED = Treatment("used")
_BRIGHTNESS = Treatment("converted", "its brightness is read")
_GREY = Treatment("converted", "the grey is copied to the three colour channels")
_ALPHA_DROPPED = Treatment("converted", "its alpha is dropped and the colours under it are shown")
_ON_BLACK = Treatment("converted", "it is laid on black, so what is transparent is kept, and its brightness is read")
_ALPHA_IS_MASK = Treatment("used", "its alpha is the subject's mask, unless a mask is given")
_GREY_AND_MASK = Treatment("converted", f"{_GREY.how}; {_ALPHA_IS_MASK.how}")
_EIGHT_BITS = Treatment("converted", "its 65,536 levels are brought down to 256")


def _alike(name: str, treatment: Treatment) -> PictureMode:
    return PictureMode(name, treatment, treatment, treatment)


def _refused(name: str, how: str) -> PictureMode:
    return _alike(name, Treatment("refused", how))


PICTURE_MODES: dict[str, PictureMode] = {
    "RGB": PictureMode("colour (RGB)", _USED, _BRIGHTNESS, _USED),
    "RGBA": PictureMode("colour with transparency (RGBA)", _ALPHA_DROPPED, _ON_BLACK, _ALPHA_IS_MASK),
    "P": PictureMode("palette (P)", _USED, _BRIGHTNESS, _USED),
    "P+alpha": PictureMode("palette with transparency (P)", _ALPHA_DROPPED, _ON_BLACK, _ALPHA_IS_MASK),
    "L": PictureMode("greyscale (L)", _GREY, _USED, _GREY),
    "LA": PictureMode("greyscale with transparency (LA)", _ALPHA_DROPPED, _ON_BLACK, _GREY_AND_MASK),
    "1": PictureMode("black and white (1 bit)", _GREY, _USED, _GREY),
    "CMYK": _alike("CMYK", Treatment("converted", "to RGB without a colour profile, so its colours may shift")),
    "I;16": PictureMode(
        "16-bit greyscale (I;16)",
        Treatment("refused", "a result of 8 bits could not keep its pixels; save it with 8 bits a channel"),
        _EIGHT_BITS,
        _EIGHT_BITS,
    ),
    "wide": _refused(
        "16 bits a channel in colour (PNG, TIFF, PPM)",
        "half of each number would be lost; save it with 8 bits a channel",
    ),
    "I": _refused("32-bit or wide integers (I)", "their range is not known; save it with 8 bits a channel"),
    "F": _refused("floating point (F)", "its range is not known; save it with 8 bits a channel"),
    "other": _refused("any other mode, such as LAB or YCbCr in TIFF", "save it as RGB"),
    "turned": _alike("turned by its EXIF orientation", Treatment("converted", "it is turned upright")),
    "frames": _refused("several frames or pages (GIF, APNG, WebP, TIFF)", "save the one that is meant as a PNG"),
    "extras": _alike("a phone's JPEG that holds more pictures (MPO)", Treatment("used", "the first one")),
    "levels": PictureMode(
        "grey levels between black and white",
        _USED,
        Treatment("converted", "128 of 255 and above count as white, the rest as black"),
        _USED,
    ),
    "large": _refused("more pixels than Pillow's limit (about 89 million)", "make it smaller"),
    "damaged": _refused("empty, truncated, or no picture", f"give a whole file in one of {', '.join(FORMATS)}"),
}
"""What happens to each kind of picture. Keys are Pillow's modes where there is one.

A picture whose alpha is opaque everywhere counts as one without alpha.
"""

_WITHOUT_ALPHA = {"RGBA": "RGB", "LA": "L"}
_WITH_ALPHA = {"RGB": "RGBA", "RGBA": "RGBA", "P": "P+alpha", "L": "LA", "LA": "LA", "1": "LA"}
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, struct.error)


def open_scene(path: PathLike, notes: list[str]) -> Image.Image:
    """The picture whose hole is to be filled, in RGB and upright.

    Its `info` holds the colour profile (`icc_profile`) where the file has one for RGB, and nothing else.

    Args:
        path: a picture file.
        notes: receives a sentence for each conversion.

    Raises:
        MissingFileError: there is no such file.
        InputError: the picture is refused, as `PICTURE_MODES` says.
    """
    return _rgb(_open_upright(path, "scene", notes))


def open_stored(path: PathLike, notes: list[str]) -> Image.Image:
    """A scene as its pixels are stored, its EXIF orientation left alone.

    Datasets whose annotations count stored pixels, such as COCO, need this. Arguments and errors are `open_scene`'s.
    """
    return _rgb(_open(path, "scene", notes).picture)


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
    mask = _brightness(_open_upright(path, "mask", notes))
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
    alpha = _alpha(picture)
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


def to_tensor(image: Image.Image) -> Tensor:
    """(3, H, W) uint8 of an RGB picture."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def mask_to_tensor(mask: Image.Image) -> Tensor:
    """(1, H, W) bool of a mask, true where it is white."""
    return torch.from_numpy(np.array(mask) >= 128)[None]


def to_picture(pixels: Tensor) -> Image.Image:
    """The RGB picture of (3, H, W) uint8: the way back from `to_tensor`."""
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def pictures_page() -> str:
    """`docs/pictures.md`: the table in Markdown."""
    lines = [
        "# Which pictures can be given",
        "",
        "Masks are white where the scene is to be filled. Every conversion is reported in a sentence; what would lose",
        "information unseen is refused. A picture whose alpha is opaque everywhere counts as one without alpha. Colour",
        "profiles are not applied; a scene in RGB keeps its own.",
        "",
        f"File formats: {', '.join(FORMATS)}.",
        "",
        "| picture | as scene | as mask | as reference |",
        "|---|---|---|---|",
        *(f"| {row.name} | {row.scene} | {row.mask} | {row.reference} |" for row in PICTURE_MODES.values()),
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _File:
    """A decoded file: its pixels as they are stored, its row of the table, and whether EXIF wants it turned."""

    picture: Image.Image
    row: PictureMode
    turned: bool


def _open(path: PathLike, role: Role, notes: list[str]) -> _File:
    if not Path(path).exists():
        raise MissingFileError(f"There is no file {path}, which was given as {role}. Check the path.")
    try:
        file = _decode(path)
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
        with Image.open(path, formats=FORMATS) as picture:
            # Read first: Pillow forgets these when it loads the pixels.
            wide = _has_wide_channels(picture)
            several = picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
            picture.load()
    return _File(picture, PICTURE_MODES["frames" if several else "wide" if wide else _row_key(picture)], turned)


def _row_key(picture: Image.Image) -> str:
    if picture.mode.startswith("I;16"):
        return "I;16"
    key = (_WITHOUT_ALPHA if _alpha(picture) is None else _WITH_ALPHA).get(picture.mode, picture.mode)
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


def _alpha(picture: Image.Image) -> Image.Image | None:
    """The alpha channel, or None where there is none or it is opaque everywhere."""
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
    picture = picture.convert("RGB")
    picture.info = {} if profile is None else {"icc_profile": profile}
    return picture


def _brightness(picture: Image.Image) -> Image.Image:
    if _alpha(picture) is not None:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    return _rgb(picture).convert("L")


def _threshold(grey: Image.Image) -> Image.Image:
    return grey.point([0] * 128 + [255] * 128)
