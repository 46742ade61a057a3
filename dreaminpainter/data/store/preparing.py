"""Prepares a source: reads all of it once, and keeps what training asks for.

FOLDER/manifest.json       where it came from, and counts of what was kept and left out
FOLDER/objects/            a row an object, for `datasets.load_from_disk`
FOLDER/left_out.parquet    every object that was left out, with the reason
FOLDER/parts/              while it is under way, what is done so far
FOLDER/segmented/          what a network found in pictures without masks, a small file a picture
"""

import math
import os
import shutil
from collections.abc import Container, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, concatenate_datasets
from torch.utils.data import DataLoader
from tqdm import tqdm

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.components import describe
from dreaminpainter.data.sources.base import LeftOut, SegmentationSource, damage_report
from dreaminpainter.data.store.manifest import FILE, LEFT_OUT, Manifest
from dreaminpainter.data.store.parts import Parts, absolute
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.processes import Processes

_PART = 200
"""Instances a part: a few seconds of work, so little is lost when a preparation is killed."""
_SHARD = 20_000
"""Objects a shard at most; a million then open in a fraction of a second."""
_ENOUGH = 100
"""How many objects are looked at before damage stops it ahead of the end, so that of few all damage is told."""


def prepare(
    source: SegmentationSource,
    folder: Path,
    embed: bool = False,
    num_workers: int = 2,
    max_damaged: float = 0.05,
    processes: Processes | None = None,
) -> Manifest:
    """Prepares `source` in `folder`; one that was begun there is gone on with, a finished one is left alone.

    One that was begun and stopped because too much was broken is gone on with too, once that is mended: what is whole
    is not read again.

    Args:
        source: what to read.
        folder: where to write; made where it is missing.
        embed: put the pictures' files into the rows, instead of referring to them.
        num_workers: processes that read; 0 reads in this one.
        max_damaged: greatest share of all objects that may be broken, 0 to 1; the preparation stops once it is passed.
        processes: of which this is one; this one alone by default. They share the parts, and a folder.

    Returns:
        The manifest.

    Raises:
        InputError: too much is broken, or nothing is kept.
        SettingError: the folder holds data that was prepared from something else, or in another way; or a number is
            out of range.
    """
    if not 0 <= max_damaged <= 1:
        raise SettingError(f"max_damaged is {max_damaged}. It is a share of the objects: 0 to 1, such as 0.05 for 5 %.")
    if num_workers < 0:
        raise SettingError(f"num_workers is {num_workers}. Set it to 0 or more; 0 reads in the command's own process.")
    processes = processes or Processes()
    source.prepare_in(folder)
    # What takes long to find in pictures without masks is found by the first, and kept for the others.
    order, pictures = processes.first_alone(lambda: _in_order_of_pictures(source))
    plan = Manifest(source.fingerprint(), describe(source), None if pictures is None else str(pictures), embed)
    finished = processes.first_alone(lambda: _begun_before(plan, folder, source.incidental))
    if finished is not None:
        return finished
    parts = Parts(source, folder / "parts", order, _PART, pictures, embed)
    processes.wait()  # until all have seen what is there, before it changes
    _make_parts(parts, max_damaged, num_workers, processes)
    processes.wait()
    if processes.is_first:
        _put_together(parts, plan, folder, max_damaged)
    processes.wait()
    return Manifest.read(folder / FILE)


def _put_together(parts: Parts, plan: Manifest, folder: Path, max_damaged: float) -> None:
    source = parts.source
    reports = [parts.report(number) for number in range(len(parts))]
    left_out = [*source.left_out, *(one for report in reports for one in report.left_out)]
    _check_damage(left_out, parts, max_damaged)
    manifest = plan.counted(sum(report.kept for report in reports), left_out)
    if manifest.kept == 0:
        raise InputError(f"No object of the source was kept; left out: {manifest.left_out or 'nothing'}.")
    _join(parts, folder / "objects", manifest.kept)
    _write_left_out(left_out, folder / LEFT_OUT)
    manifest.write(folder / FILE)
    shutil.rmtree(parts.folder)


def _in_order_of_pictures(source: SegmentationSource) -> tuple[list[int], Path | None]:
    """The source's indices, those of one picture together, and the folder that holds all pictures."""
    files = [source.picture_of(index) for index in range(len(source))]
    paths = ["" if file is None else str(absolute(file.path)) for file in files]
    folders = {str(Path(path).parent) for path in set(paths) if path}
    return sorted(range(len(paths)), key=paths.__getitem__), Path(os.path.commonpath(folders)) if folders else None


def _begun_before(plan: Manifest, folder: Path, incidental: Container[str]) -> Manifest | None:
    """The manifest of a preparation that is finished already; None where there is something to do."""
    finished, begun = folder / FILE, folder / "parts" / FILE
    path = next((path for path in (finished, begun) if path.exists()), None)
    before = None if path is None else Manifest.read(path)
    # Objects that came or went since it was begun are no other source: something broken may have been mended.
    asked = (incidental, path == finished)
    if before is not None and before.settings(*asked) != plan.settings(*asked):
        raise SettingError(
            f"{folder} holds data prepared from another source, or with other settings ({path} tells which). "
            "Name another folder as output, or delete this one."
        )
    sweep(folder)
    if path == finished:
        if begun.parent.exists():  # it was killed at the very last
            shutil.rmtree(begun.parent)
        return before
    begun.parent.mkdir(parents=True, exist_ok=True)
    sweep(begun.parent)
    plan.write(begun)
    return None


def _make_parts(parts: Parts, max_damaged: float, num_workers: int, processes: Processes) -> None:
    own = set(processes.share(list(range(len(parts)))))
    missing = own.intersection(parts.missing())
    seen = sum(parts.count(number) for number in own - missing)
    broken = list(parts.source.left_out)
    loader = DataLoader(
        parts, batch_size=None, sampler=sorted(missing), num_workers=min(num_workers, len(missing)), collate_fn=_as_is
    )
    total = sum(parts.count(number) for number in own)
    quiet = None if processes.is_first else True
    with tqdm(total=total, desc="preparing", unit=" objects", smoothing=0.05, disable=quiet) as bar:
        bar.update(seen)
        for report in loader:
            count = report.kept + len(report.left_out)
            seen += count
            broken += report.left_out
            bar.update(count)
            if seen >= _ENOUGH:
                _check_damage(broken, parts, max_damaged)


def _check_damage(left_out: Sequence[LeftOut], parts: Parts, most: float) -> None:
    """Compares with all objects, not those that were seen, so that the order or a process's part decides nothing."""
    damages = [one.damage for one in left_out if one.damage]
    total = len(parts.source.left_out) + len(parts.order)
    if len(damages) > most * total:
        raise InputError(
            f"{len(damages)} of {total} objects are broken, more than the share of {most:g} that is let pass "
            f"(max_damaged):\n{damage_report(damages)}\nMend them or raise max_damaged, and run this "
            "again. What is done is kept, and what was broken is looked at again."
        )


def _join(parts: Parts, folder: Path, kept: int) -> None:
    """Makes few large shards of the parts."""
    filled = [parts.path(number) for number in range(len(parts)) if parts.report(number).kept]
    rows = concatenate_datasets([Dataset.from_file(str(path)) for path in filled])
    with whole(folder) as beside:
        rows.save_to_disk(str(beside), num_shards=math.ceil(kept / _SHARD))


def _write_left_out(left_out: list[LeftOut], path: Path) -> None:
    schema = pa.schema({name: pa.string() for name in ("id", "reason", "damage")})
    with whole(path) as beside:
        pq.write_table(pa.Table.from_pylist([asdict(one) for one in left_out], schema=schema), beside)


def _as_is(report: Any) -> Any:
    return report
