"""Small evaluations, and what may be compared of two."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fills import Noise

from dreaminpainter.evaluation.cases import CaseSet
from dreaminpainter.evaluation.evaluating import Evaluation
from dreaminpainter.evaluation.methods import Collage
from dreaminpainter.evaluation.metrics import Background, Diversity, Seam
from dreaminpainter.evaluation.rows import Row


def evaluation(folder: Path, cases: CaseSet, **settings: Any) -> Evaluation:
    parts = {
        "methods": {"noise": Noise(), "collage": Collage()},
        "metrics": [Background(), Diversity(), Seam()],
        "quality": [],
        "batch_size": 2,
    }
    return Evaluation(folder, cases, **(parts | settings))


def figures(rows: list[Row]) -> list[Row]:
    """All that rows say, but how long each fill took."""
    return [replace(row, seconds=0.0) for row in rows]


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/fills/*.png"))}
