"""What it takes to open annotations, and what was found in them."""

import contextlib
import io
from dataclasses import dataclass

from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from benchmarks.fresh import Gauge, Reading
from dreaminpainter.data.splitting import Division
from dreaminpainter.data.store import PreparedSource


@dataclass(frozen=True)
class Opened:
    """Annotations that were opened.

    Args:
        reading: what it took until the object in the middle was read.
        objects: how many there are.
        id: of the object in the middle.
        pixels: how many of its picture it covers.
    """

    reading: Reading
    objects: int
    id: str
    pixels: int


def open_prepared(root: str) -> Opened:
    """Prepared data, and the columns of the object in the middle."""
    gauge = Gauge()
    source = PreparedSource(root)
    objects = len(source)
    row = source.rows[objects // 2]
    pixels = int(coco_mask.area(row["mask"]))
    return Opened(gauge.read(), objects, row["id"], pixels)


def open_divided(root: str) -> Opened:
    """Prepared data divided into training and validation, which looks at every picture's content hash."""
    gauge = Gauge()
    source = PreparedSource(root)
    division = Division({"it": source})
    objects = sum(len(division.sides(side)["it"]) for side in ("train", "validation"))
    row = source.rows[objects // 2]
    pixels = int(coco_mask.area(row["mask"]))
    return Opened(gauge.read(), objects, row["id"], pixels)


def open_coco(path: str) -> Opened:
    """The same annotations by pycocotools."""
    gauge = Gauge()
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(path)
    ids = coco.getAnnIds()
    (thing,) = coco.loadAnns(ids[len(ids) // 2])
    pixels = int(coco_mask.area(coco.annToRLE(thing)))
    return Opened(gauge.read(), len(ids), str(thing["id"]), pixels)
