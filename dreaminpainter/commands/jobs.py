"""Many fills: what is to be filled, and what has been."""

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.commands.fills import Request
from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.files import required
from dreaminpainter.data.sources.folder_entries import FolderEntry, find_pairs, find_table, read_table
from dreaminpainter.errors import InputError

RESULTS = "results.csv"
_LAYOUT = (
    "Name a folder with NAME.jpg, NAME_mask.png, NAME_reference.png and the prompt in NAME.txt, or a table (CSV or "
    "JSON Lines) with the columns image, mask, reference and caption, and where wanted reference_mask and id"
)


@dataclass(frozen=True)
class Job:
    """One row of the work.

    Args:
        id: what its outputs are called.
        request: what is to be filled.
    """

    id: str
    request: Request

    def fingerprint(self, settings: dict[str, Any]) -> str:
        """Tells whether it has been done already: a hash of its files, its prompt and all settings."""
        digest = blake2b(
            json.dumps([self.request.prompt, settings], sort_keys=True, default=str).encode(), digest_size=8
        )
        for path in (
            self.request.image,
            self.request.mask_image,
            self.request.reference_image,
            self.request.reference_mask,
        ):
            digest.update(b"-" if path is None or not path.is_file() else blake2b(path.read_bytes()).digest())
        return digest.hexdigest()


@dataclass(frozen=True)
class Result:
    """One row of the results table.

    Args:
        id: the job's.
        status: "filled" or "failed".
        outputs: the files written, relative to the output folder.
        seconds: how long it took.
        seed: of the first fill.
        error: why it failed.
        fingerprint: of what was filled.
    """

    id: str
    status: str
    outputs: str = ""
    seconds: float = 0.0
    seed: int = 0
    error: str = ""
    fingerprint: str = ""

    @property
    def names(self) -> list[str]:
        """Of the files written."""
        return self.outputs.split(";") if self.outputs else []


def read_jobs(path: str) -> tuple[list[Job], list[LeftOut]]:
    """The jobs of a folder or table, and what is none.

    Raises:
        MissingFileError: there is no such folder or table.
        InputError: there is no job in it.
    """
    place = required(Path(path), _LAYOUT)
    table = find_table(place, None) if place.is_dir() else place
    root = place if place.is_dir() else place.parent
    found = find_pairs(root) if table is None else read_table(table)
    jobs, none = [], [one for one in found if isinstance(one, LeftOut)]
    for entry in found:
        if isinstance(entry, FolderEntry):
            missing = [
                name for name, value in (("reference", entry.reference), ("prompt", entry.captions)) if not value
            ]
            if missing:
                none.append(LeftOut(entry.id, "incomplete", f"{entry.id} has no {' and no '.join(missing)}."))
                continue
            mask = root / entry.reference_mask if entry.reference_mask else None
            request = Request(root / entry.image, root / entry.mask, root / entry.reference, entry.captions[0], mask)
            jobs.append(Job(_name(entry.id), request))
    if not jobs:
        raise InputError(f"{path} holds no job that is complete{_first(none)}. {_LAYOUT}.")
    if len({job.id for job in jobs}) < len(jobs):
        raise InputError(f"{path} has jobs of the same id, whose outputs would overwrite each other. Rename them.")
    return jobs, none


def read_results(folder: Path) -> dict[str, Result]:
    """What an earlier run left, by id."""
    path = folder / RESULTS
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["id"]: Result(**(row | {"seconds": float(row["seconds"]), "seed": int(row["seed"])}))  # type: ignore[arg-type]
        for row in rows
    }


def write_results(folder: Path, results: Iterable[Result]) -> None:
    """The table, whole or not at all."""
    sweep(folder, RESULTS)
    with whole(folder / RESULTS) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(Result.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(asdict(one) for one in results)


def _name(id_: str) -> str:
    """An id as the name of a file in the output folder, which nothing else there has."""
    name = re.sub(r"[^\w.\- ]", "-", id_)[:120].strip(". ") or "job"
    return f"{name}-job" if name in ("contact_sheet", "results") else name


def _first(none: list[LeftOut]) -> str:
    return f": {none[0].damage}" if none else ""
