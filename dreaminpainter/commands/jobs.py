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
from dreaminpainter.commands.requests import Request
from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.fillable import find_fillable
from dreaminpainter.errors import InputError

RESULTS = "results.csv"


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
    root, entries, none = find_fillable(Path(path))
    jobs = []
    for entry in entries:
        mask = root / entry.reference_mask if entry.reference_mask else None
        request = Request(root / entry.image, root / entry.mask, root / entry.reference, entry.captions[0], mask)
        jobs.append(Job(_name(entry.id), request))
    if len({job.id for job in jobs}) < len(jobs):
        raise InputError(f"{path} has jobs of the same id, whose outputs would overwrite each other. Rename them.")
    return jobs, none


def read_results(folder: Path) -> dict[str, Result]:
    """What an earlier run left, by id.

    Raises:
        InputError: it is no longer the table that was written.
    """
    path = folder / RESULTS
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        return {
            row["id"]: Result(**(row | {"seconds": float(row["seconds"]), "seed": int(row["seed"])}))  # type: ignore[arg-type]
            for row in rows
        }
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no longer the table of results that was written ({type(error).__name__}: {error}). Bring it "
            "back; or delete it, and all jobs are done again."
        ) from error


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
