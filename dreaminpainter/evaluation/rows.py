"""What was measured of each fill, kept so that a killed evaluation goes on and several processes may write."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One fill's figures.

    Args:
        method: whose fill.
        case: the case's id.
        seed: which of its fills.
        kind: the case's.
        subject: the case's.
        prompt: the case's.
        picture: the fill's file, relative to the evaluation's folder.
        seconds: that the fill took, on whatever machine it was.
        figures: by column; what the fill does not have is left out.
    """

    method: str
    case: str
    seed: int
    kind: str
    subject: str
    prompt: str
    picture: str
    seconds: float
    figures: dict[str, float]


class Rows:
    """The rows of one method, in files that each one process writes.

    Args:
        folder: the method's.
        rank: number of the process.

    Example:
        >>> import tempfile
        >>> rows = Rows(Path(tempfile.mkdtemp()))
        >>> rows.add([Row("ours", "c1", 0, "edit", "cat", "a cat", "c1-0.png", 1.0, {"seam": 0.5, "text": math.nan})])
        >>> rows.read()[0].figures
        {'seam': 0.5}
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.folder = folder
        self.rank = rank

    def add(self, rows: list[Row]) -> None:
        """Appends rows, of whole cases, in one write."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"rows-{self.rank}.jsonl"
        kept = path.read_bytes() if path.is_file() else b""
        # What a killed process wrote half of a line would otherwise swallow the next one.
        gap = "\n" if kept and not kept.endswith(b"\n") else ""
        lines = "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows)
        with path.open("a", encoding="utf-8") as file:
            file.write(gap + lines)

    def read(self) -> list[Row]:
        """All processes' rows, each fill once."""
        found: dict[tuple[str, int], Row] = {}
        for path in sorted(self.folder.glob("rows-*.jsonl")):
            # As bytes: a line may be torn within a character. And texts may hold what splitlines takes for an end.
            for line in path.read_bytes().split(b"\n"):
                try:
                    row = Row(**json.loads(line))
                except ValueError:
                    continue  # torn when its process was killed; the fill is made again
                found.setdefault((row.case, row.seed), row)
        return list(found.values())


def _plain(row: Row) -> dict[str, Any]:
    figures = {name: value for name, value in row.figures.items() if not math.isnan(value)}
    return asdict(row) | {"figures": figures}
