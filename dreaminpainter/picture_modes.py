"""What happens to each kind of picture file, as scene, mask or reference: the one truth, as data.

`docs/pictures.md` is written from it, the code of `pictures` acts on it, the tests make a file for each of its rows.

Example:
    >>> PICTURE_MODES["CMYK"].scene.verdict, PICTURE_MODES["L"].mask.verdict
    ('converted', 'used')
"""

from dataclasses import dataclass
from typing import Literal

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
_ALPHA_KEPT = Treatment(
    "converted", "the colours under its alpha are shown; a fill keeps the alpha, and what is filled is opaque"
)
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
    "RGBA": PictureMode("colour with transparency (RGBA)", _ALPHA_KEPT, _ON_BLACK, _ALPHA_IS_MASK),
    "P": PictureMode("palette (P)", _USED, _BRIGHTNESS, _USED),
    "P+alpha": PictureMode("palette with transparency (P)", _ALPHA_KEPT, _ON_BLACK, _ALPHA_IS_MASK),
    "L": PictureMode("greyscale (L)", _GREY, _USED, _GREY),
    "LA": PictureMode("greyscale with transparency (LA)", _ALPHA_KEPT, _ON_BLACK, _GREY_AND_MASK),
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
