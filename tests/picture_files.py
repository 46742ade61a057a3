"""A file for every row of the table of pictures, and for every way in which one can be broken."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image


def colours(mode: str = "RGB") -> Image.Image:
    """White left of black, 6 x 4, in any mode."""
    array = np.zeros((4, 6, 3), np.uint8)
    array[:, :3] = 255
    return Image.fromarray(array).convert(mode)


def half_transparent(mode: str) -> Image.Image:
    image = colours(mode)
    image.putalpha(Image.fromarray(np.repeat([[255, 255, 255, 0, 0, 0]], 4, axis=0).astype(np.uint8)))
    return image


def grey16() -> Image.Image:
    return Image.fromarray(np.repeat([[65535, 65535, 40000, 300, 0, 0]], 4, axis=0).astype(np.uint16))


def png(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    """A PNG of given rows, each of which begins with a zero; also such as Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def png16(channels: int) -> bytes:
    """A 16-bit PNG in colour."""
    row = b"\0" + np.full(6 * channels, 40000, ">u2").tobytes()
    return png(6, 4, bits=16, kind={2: 4, 3: 2, 4: 6}[channels], rows=row * 4)


def tiff16() -> bytes:
    """A 16-bit TIFF in colour."""
    data = np.full(6 * 4 * 3, 40000, "<u2").tobytes()
    bits_at = 8 + 2 + 12 * 9 + 4
    short, long = 3, 4
    entries = [
        (256, short, 1, 6), (257, short, 1, 4), (258, short, 3, bits_at), (259, short, 1, 1), (262, short, 1, 2),
        (273, long, 1, bits_at + 6), (277, short, 1, 3), (278, short, 1, 4), (279, long, 1, len(data)),
    ]  # fmt: skip
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    start = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return start + table + struct.pack("<I", 0) + struct.pack("<HHH", 16, 16, 16) + data


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(colours(), kind, exif=exif)


def frames(kind: str) -> bytes:
    return encoded(colours(), kind, save_all=True, append_images=[Image.new("RGB", (6, 4), "red")])


def palette_with_transparency() -> bytes:
    return encoded(colours("P"), "PNG", transparency=0)


def bomb() -> bytes:
    """A PNG of 50 kB whose pixels would take 400 MB."""
    return png(20_000, 20_000, bits=1, kind=0, rows=bytes(20_000 * 2_501))


FILES: list[tuple[str, Callable[[], bytes]]] = [
    ("RGB", lambda: encoded(colours(), "PNG")),
    ("RGB", lambda: encoded(colours("RGBA"), "PNG")),
    ("RGB", lambda: encoded(colours(), "WEBP", lossless=True)),
    ("RGBA", lambda: encoded(half_transparent("RGB"), "PNG")),
    ("RGBA", lambda: encoded(colours(), "PNG", transparency=(0, 0, 0))),
    ("P", lambda: encoded(colours("P"), "PNG")),
    ("P", lambda: encoded(colours("P"), "GIF")),
    ("P+alpha", palette_with_transparency),
    ("L", lambda: encoded(colours("L"), "PNG")),
    ("L", lambda: encoded(colours("LA"), "PNG")),
    ("LA", lambda: encoded(half_transparent("L"), "PNG")),
    ("1", lambda: encoded(colours("1"), "PNG")),
    ("CMYK", lambda: encoded(colours("CMYK"), "TIFF")),
    ("I;16", lambda: encoded(grey16(), "PNG")),
    ("I;16", lambda: encoded(grey16(), "TIFF")),
    ("wide", lambda: png16(3)),
    ("wide", lambda: png16(4)),
    ("wide", lambda: png16(2)),
    ("wide", tiff16),
    ("wide", lambda: b"P6 6 4 65535\n" + np.full(72, 40000, ">u2").tobytes()),
    ("I", lambda: encoded(colours("I"), "TIFF")),
    ("F", lambda: encoded(colours("F"), "TIFF")),
    ("other", lambda: encoded(Image.new("LAB", (6, 4)), "TIFF")),
    ("turned", lambda: turned("PNG")),
    ("turned", lambda: turned("TIFF")),
    ("turned", lambda: turned("WEBP")),
    ("frames", lambda: frames("GIF")),
    ("frames", lambda: frames("PNG")),
    ("frames", lambda: frames("WEBP")),
    ("frames", lambda: frames("TIFF")),
    ("extras", lambda: frames("MPO")),
    ("levels", lambda: encoded(Image.fromarray(np.full((4, 6, 3), 180, np.uint8)), "PNG")),
    ("large", bomb),
    ("damaged", lambda: b""),
    ("damaged", lambda: b"this is no picture"),
    ("damaged", lambda: encoded(Image.effect_noise((64, 64), 50).convert("RGB"), "PNG")[:2000]),
    ("damaged", lambda: encoded(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG")[:1000]),
    ("damaged", lambda: png(6, 4, bits=8, kind=3, rows=bytes(28))),  # a palette that is not there
    ("damaged", lambda: encoded(colours(), "PCX")),  # a format that Pillow would open
    ("damaged", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n%%EndComments\n"),
]
