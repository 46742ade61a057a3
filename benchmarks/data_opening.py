"""Opening a great many annotations: prepared data beside pycocotools."""

import json
import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, concatenate_datasets
from pycocotools import mask as coco_mask
from tqdm import tqdm

from benchmarks.data_openers import Opened, open_coco, open_divided, open_prepared
from benchmarks.fresh import in_fresh_process
from benchmarks.statistics import table
from benchmarks.timing import ratio, spread
from dreaminpainter.data.store.manifest import FILE, Manifest
from dreaminpainter.data.store.schema import FEATURES
from dreaminpainter.randomness import sample_key

_SHARD = 20_000
"""Objects a shard, as `prepare` has them."""
_HEIGHT, _WIDTH = 480, 640
_A_PICTURE = 7
"""Objects, as in COCO."""
_CLASSES = [f"class {number}" for number in range(80)]
_LICENCE = "http://creativecommons.org/licenses/by/2.0/"


def opening(objects: int, repeats: int) -> list[str]:
    """The section's text.

    Args:
        objects: how many annotations.
        repeats: how often each side opens them.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_annotations(folder, objects)
        megabytes = {
            path: sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) / 1e6
            for path in (folder / "objects", folder / "instances")
        }
        openings = opened(folder, repeats)
    seconds, own, mapped, peak = (
        {side: [getattr(one.reading, what) for one in found] for side, found in openings.items()}
        for what in ("seconds", "own", "mapped", "peak")
    )
    rows = [
        [
            side,
            *(spread(measured[side]) for measured in (seconds, own, mapped, peak)),
            ratio(seconds["pycocotools"], seconds[side]),
        ]
        for side in openings
    ]
    on_disk = " and ".join(f"{size:.0f} MB" for size in megabytes.values())
    return [
        f"{objects:,} made-up objects on {math.ceil(objects / _A_PICTURE):,} pictures, as prepared data and as COCO's "
        f"JSON with the same run lengths ({on_disk}); read once before, so that they are in the system's cache. Each "
        f"opening, up to the outline of the object in the middle, is done in a fresh process that has imported its "
        f"modules; {repeats} times in turns.",
        "",
        *table(["", "s", "MB added", "MB of mapped files", "MB of both at most", "pycocotools takes longer by"], rows),
        "",
        "Mapped files lie in the system's cache, whichever process looks at them, and are given up when memory runs "
        "short. *divided* looks at every picture's content as well, as training does that holds out a share of "
        "its pictures.",
    ]


def opened(folder: Path, repeats: int) -> dict[str, list[Opened]]:
    """What each side found, opening after opening."""
    works = {
        "prepared": (open_prepared, folder),
        "prepared, divided": (open_divided, folder),
        "pycocotools": (open_coco, folder / "instances" / "instances.json"),
    }
    found: dict[str, list[Opened]] = {side: [] for side in works}
    for number in tqdm(range(repeats + 1), desc="opening"):
        for side in list(works)[:: -1 if number % 2 else 1]:
            work, path = works[side]
            found[side].append(in_fresh_process(work, str(path)))
    return {side: openings[1:] for side, openings in found.items()}


def write_annotations(folder: Path, objects: int) -> None:
    """The same made-up objects twice: as prepared data in `folder`, and in `folder/instances/instances.json`."""
    manifest = Manifest("made up", {"class_path": "made up"}, pictures=str(folder), embedded=False, kept=objects)
    manifest.write(folder / FILE)
    outlines = _outlines()
    _write_rows(folder, objects, outlines)
    _write_json(folder / "instances", objects, outlines)


def _write_rows(folder: Path, objects: int, outlines: list[dict[str, Any]]) -> None:
    parts = folder / "parts"
    parts.mkdir()
    paths = []
    for start in tqdm(range(0, objects, _SHARD), desc="making prepared data"):
        rows = _rows(np.arange(start, min(start + _SHARD, objects)), outlines)
        paths.append(parts / f"{start}.arrow")
        with pa.OSFile(str(paths[-1]), "wb") as file, pa.ipc.new_stream(file, rows.schema) as writer:
            writer.write_table(rows)
    whole = concatenate_datasets([Dataset.from_file(str(path)) for path in paths])
    whole.save_to_disk(str(folder / "objects"), num_shards=len(paths))
    shutil.rmtree(parts)


def _rows(numbers: np.ndarray[tuple[int], np.dtype[np.int64]], outlines: list[dict[str, Any]]) -> pa.Table:
    schema = FEATURES.arrow_schema
    picture = numbers // _A_PICTURE
    pictures = np.arange(picture[0], picture[-1] + 1)

    def repeated(name: str, values: list[Any], which: Any) -> pa.Array:
        return pa.array(values, schema.field(name).type).take(pa.array(which))

    def same(name: str, value: object) -> pa.Array:
        return repeated(name, [value], np.zeros_like(numbers))

    def by_outline(name: str, values: list[Any]) -> pa.Array:
        return repeated(name, values, numbers % len(outlines))

    def by_picture(name: str, values: list[Any]) -> pa.Array:
        return repeated(name, values, picture - pictures[0])

    boxes = [outline["bbox"] for outline in outlines]
    words = [
        [f"Caption {one} of picture {number}, as long as people write." for one in range(5)] for number in pictures
    ]
    columns = {
        "id": pa.array(numbers.astype(str)),
        "source": same("source", "coco"),
        "class_name": repeated("class_name", _CLASSES, numbers % len(_CLASSES)),
        "image": by_picture("image", [{"bytes": None, "path": f"{number:012}.jpg"} for number in pictures]),
        "upright": same("upright", False),
        "width": same("width", _WIDTH),
        "height": same("height", _HEIGHT),
        "mask": by_outline("mask", [outline["segmentation"] for outline in outlines]),
        "box": by_outline("box", [[left, top, left + width, top + height] for left, top, width, height in boxes]),
        "area": by_outline("area", [outline["area"] / (_WIDTH * _HEIGHT) for outline in outlines]),
        "captions": by_picture("captions", words),
        "licence": same("licence", _LICENCE),
        "content_hash": by_picture("content_hash", [f"{sample_key(0, str(number)) * 2:032x}" for number in pictures]),
        "reference": same("reference", None),
        "reference_mask": same("reference_mask", None),
        "reference_hash": same("reference_hash", None),
        "attributes": same("attributes", "{}"),
        "detail_mask": same("detail_mask", None),
    }
    return pa.table(columns, schema=schema)


def _write_json(folder: Path, objects: int, outlines: list[dict[str, Any]]) -> None:
    folder.mkdir()
    told = {
        "images": [
            {"id": number, "width": _WIDTH, "height": _HEIGHT, "file_name": f"{number:012}.jpg", "license": 1}
            for number in range(math.ceil(objects / _A_PICTURE))
        ],
        "categories": [{"id": n, "name": name, "supercategory": "class"} for n, name in enumerate(_CLASSES)],
        "licenses": [{"id": 1, "name": "Attribution", "url": _LICENCE}],
    }
    ends = [json.dumps(outline)[1:] for outline in outlines]
    with (folder / "instances.json").open("w", encoding="utf-8") as file:
        # By the piece: a million of them as one text would need gigabytes.
        file.write(json.dumps(told)[:-1] + ', "annotations": [')
        for number in range(objects):
            of = f'"image_id": {number // _A_PICTURE}, "category_id": {number % len(_CLASSES)}, "iscrowd": 0'
            file.write(f'{", " if number else ""}{{"id": {number}, {of}, {ends[number % len(ends)]}')
        file.write("]}")


def _outlines() -> list[dict[str, Any]]:
    """Blobs of random place, size and dents, in COCO's keys."""
    draws = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    found = []
    for _ in range(512):
        centre, radius = draws.uniform((130, 130), (_WIDTH - 130, _HEIGHT - 130)), draws.uniform(20, 90)
        waves = [draws.uniform(0, 0.3) / n * np.sin(n * angles + draws.uniform(0, 6.3)) for n in range(2, 9)]
        dents = np.sum(waves, axis=0)
        polygon = centre + radius * (1 + dents)[:, None] * np.stack((np.cos(angles), np.sin(angles)), axis=1)
        (run_lengths,) = coco_mask.frPyObjects([polygon.flatten().tolist()], _HEIGHT, _WIDTH)
        found.append(
            {
                "segmentation": {"size": [_HEIGHT, _WIDTH], "counts": run_lengths["counts"].decode()},
                "bbox": coco_mask.toBbox(run_lengths).tolist(),
                "area": int(coco_mask.area(run_lengths)),
            }
        )
    return found
