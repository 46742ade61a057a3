"""Picture files, above all their heads: sizes that are not true, unknown kinds, ends that are missing."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from hypothesis import strategies as st
from PIL import Image

from benchmarks.hostile.mutation import damaged
from benchmarks.hostile.trying import REFUSALS, Parser
from dreaminpainter.picture_modes import FORMATS
from dreaminpainter.pictures import open_mask, open_numbers, open_reference, open_scene, to_tensor

_SIDES = st.sampled_from([1, 4, 6]) | st.sampled_from([0, 255, 65_535, 2**31 - 1, 2**32 - 1]) | st.integers(0, 30_000)


def _encoded(kind: str, mode: str) -> bytes:
    picture = Image.frombytes("L", (6, 4), bytes(range(0, 240, 10))).convert(mode)
    file = BytesIO()
    picture.save(file, kind)
    return file.getvalue()


@st.composite
def _heads_of_png(draw: st.DrawFn) -> bytes:
    """A PNG whose head is right by its checksum, but not true."""
    kind = st.sampled_from([0, 2, 3, 4, 6, 7]), st.sampled_from([1, 2, 4, 8, 16, 0, 255])
    colour, bits = draw(kind[0]), draw(kind[1])
    parts = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", draw(_SIDES), draw(_SIDES), bits, colour, 0, 0, draw(st.booleans())))
    ]
    extra = draw(st.sampled_from([b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"tEXt", b"zTXt", b"acTL", b"fcTL", b""]))
    if extra:
        parts.append(_chunk(extra, draw(st.binary(max_size=40))))
    parts.append(_chunk(b"IDAT", zlib.compress(bytes(draw(st.sampled_from([0, 10, 76, 1_000, 100_000]))))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@st.composite
def _heads_of_jpeg(draw: st.DrawFn) -> bytes:
    """A JPEG whose frame tells another size, precision or number of components."""
    data = bytearray(_encoded("JPEG", draw(st.sampled_from(["RGB", "L", "CMYK"]))))
    frame = data.index(b"\xff\xc0") + 4
    data[frame : frame + 6] = struct.pack(
        ">BHHB",
        draw(st.sampled_from([8, 12, 0])),
        draw(_SIDES) % 65_536,
        draw(_SIDES) % 65_536,
        draw(st.integers(0, 5)),
    )
    return bytes(data)


def _open(folder: Path, content: bytes) -> None:
    """In every role; what is refused as scene counts as refused."""
    path = folder / "picture.png"
    path.write_bytes(content)
    for role in (open_mask, open_reference):
        with suppress(*REFUSALS):
            role(path, [])
    with suppress(*REFUSALS):
        open_numbers(path)
    scene = open_scene(path, [])
    assert to_tensor(scene).shape == (3, scene.height, scene.width)


_others = [(kind, mode) for kind in FORMATS if kind not in ("PNG", "JPEG") for mode in ("RGB", "L")]
PICTURES = (
    Parser(
        "PNG",
        _heads_of_png() | st.sampled_from(["RGB", "RGBA", "P", "1"]).flatmap(lambda m: damaged(_encoded("PNG", m))),
        _open,
    ),
    Parser(
        "JPEG",
        _heads_of_jpeg() | st.sampled_from(["RGB", "L", "CMYK"]).flatmap(lambda m: damaged(_encoded("JPEG", m))),
        _open,
    ),
    Parser(
        "WebP, AVIF, TIFF, BMP, GIF, PPM", st.sampled_from(_others).flatmap(lambda one: damaged(_encoded(*one))), _open
    ),
)
