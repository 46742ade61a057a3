"""What is kept of a fill for download: the picture as PNG, and its settings as JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from dreaminpainter.app.studio import Fill
from dreaminpainter.version import __version__

KEPT = 24
"""Fills in a visitor's history; older ones are deleted."""


@dataclass(frozen=True)
class Record:
    """A fill that was kept.

    Args:
        picture: the PNG.
        settings: the JSON.
        caption: a line that tells it from others.
    """

    picture: str
    settings: str
    caption: str


class Recorder:
    """Keeps fills as files.

    Args:
        folder: where, one folder a fill within it.
        model: what the settings name as the checkpoint.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self.folder = folder
        self.model = model

    def keep(self, fill: Fill) -> Record:
        """Writes the files of a fill."""
        place = self.folder / uuid4().hex
        place.mkdir()
        settings = fill.job.settings
        name = f"filled_k{settings.k}_seed{settings.seed}"
        picture, told = place / f"{name}.png", place / f"{name}.json"
        fill.picture.save(picture, icc_profile=fill.picture.info.get("icc_profile"))
        told.write_text(json.dumps(self.settings(fill), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return Record(str(picture), str(told), f"K = {settings.k} · seed {settings.seed} · {settings.prompt}")

    def settings(self, fill: Fill) -> dict[str, Any]:
        """What made the fill, and what was seen while it was made."""
        return {
            "dreaminpainter": __version__,
            "checkpoint": self.model,
            **fill.job.settings.as_dict(),
            "size": list(fill.picture.size),
            "attention": {"reference": round(fill.reference_share, 4), "text": round(1 - fill.reference_share, 4)},
            "notes": list(fill.notes),
        }


def with_newest(history: list[Record], record: Record) -> list[Record]:
    """The history with a record in front; what no longer fits is deleted."""
    forget(history[KEPT - 1 :])
    return [record, *history[: KEPT - 1]]


def forget(history: list[Record]) -> None:
    """Deletes the records' files."""
    for record in history:
        for path in (Path(record.picture), Path(record.settings)):
            path.unlink(missing_ok=True)
        place = Path(record.picture).parent
        if place.is_dir():
            place.rmdir()
