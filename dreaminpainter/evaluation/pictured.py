"""The worst and the best cases as pictures."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from dreaminpainter.evaluation.cases import Case
from dreaminpainter.evaluation.evaluating import Evaluation
from dreaminpainter.evaluation.metrics import Column
from dreaminpainter.evaluation.rows import Row

_SHOWN = 8
"""How many cases are pictured at either end."""


@dataclass(frozen=True)
class Pictured:
    """A case with all methods' fills, for the page.

    Args:
        case: the case.
        score: what it was ordered by.
        pictures: scene, reference and fills by title, as data URLs.
    """

    case: Case
    score: float
    pictures: dict[str, str]


def worst_and_best(
    evaluation: Evaluation, rows: list[Row], method: str, column: Column
) -> tuple[list[Pictured], list[Pictured]]:
    """The cases of a method's first fills that are last and first by a figure, with all methods' fills of them.

    Args:
        evaluation: that ran.
        rows: its rows.
        method: whose fills decide.
        column: the figure that decides.
    """
    found = [row for row in rows if row.method == method and column.name in row.figures and row.seed == 0]
    ordered = sorted(found, key=lambda row: row.figures[column.name], reverse=column.better == "lower")
    count = min(_SHOWN, (len(ordered) + 1) // 2)
    cases = {case.id: case for case in evaluation.cases.cases}

    def pictured(row: Row) -> Pictured:
        case = cases[row.case]
        folder = evaluation.cases.folder
        pictures = {"scene": folder / case.scene, "hole": folder / case.mask, "reference": folder / case.reference}
        fills = {one.method: evaluation.folder / one.picture for one in rows if one.case == case.id and one.seed == 0}
        urls = {title: _data_url(path) for title, path in (pictures | fills).items()}
        return Pictured(case, row.figures[column.name], urls)

    worst, best = [pictured(row) for row in ordered[:count]], [pictured(row) for row in ordered[::-1][:count]]
    return worst, best[: len(ordered) - count] if len(ordered) > 1 else []


def _data_url(path: Path, side: int = 384) -> str:
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
    shown.thumbnail((side, side))
    buffer = BytesIO()
    shown.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
