"""The report of an evaluation: Markdown to read, JSON to compute with, one HTML file to look at."""

import base64
import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from PIL import Image

from dreaminpainter.atomic import whole
from dreaminpainter.evaluation.cases import Case
from dreaminpainter.evaluation.evaluating import Evaluation
from dreaminpainter.evaluation.metrics import Column
from dreaminpainter.evaluation.rows import Row
from dreaminpainter.evaluation.settings import Protocol
from dreaminpainter.evaluation.statistics import Interval
from dreaminpainter.evaluation.table import Cells, Table, table_of

_TEMPLATE = Path(__file__).with_name("report.html")
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


@dataclass
class Report:
    """What came of an evaluation.

    Args:
        tables: of all cases, and of each kind.
        costs: of each method, as `cost.json` has it.
        protocol: how it was measured.
        settings: of each method, as `method.json` has it.
    """

    tables: list[Table]
    costs: dict[str, dict[str, Any]]
    protocol: Protocol
    settings: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, evaluation: Evaluation, rows: list[Row]) -> "Report":
        """The report of what was measured.

        Args:
            evaluation: that ran.
            rows: its rows.
        """
        columns = [column for metric in evaluation.metrics for column in metric.columns]
        known = {column.name for column in columns}
        others = dict.fromkeys(name for row in rows for name in row.figures if name not in known)
        columns += [Column(name, "") for name in others]
        everything = table_of("All cases", rows, evaluation.methods, columns)
        qualities = evaluation.qualities()
        together = [Column(metric.name, "lower") for metric in evaluation.quality]
        cells: Cells = {name: {**own, **qualities.get(name, {})} for name, own in everything.cells.items()}
        whole_set = Table(everything.title, [*columns, *together], everything.counts, cells)
        kinds = list(dict.fromkeys(case.kind for case in evaluation.cases.cases))
        parts = [
            table_of(f"Kind: {kind}", [row for row in rows if row.kind == kind], evaluation.methods, columns)
            for kind in kinds
        ]
        protocol = Protocol.read(evaluation.folder)
        assert protocol is not None  # noqa: S101  written before anything was measured
        return cls(
            [whole_set, *(parts if len(kinds) > 1 else [])],
            {name: _read(evaluation.folder / name / "cost.json") for name in evaluation.methods},
            protocol,
            {name: _read(evaluation.folder / name / "method.json")["method"] for name in evaluation.methods},
        )

    def json(self) -> str:
        """All of it."""
        tables = [
            {
                "title": table.title,
                "columns": [asdict(column) for column in table.columns],
                "rows": {
                    name: {
                        "cases": table.counts[name][0],
                        "fills": table.counts[name][1],
                        "figures": {key: _plain(cell) for key, cell in cells.items()},
                    }
                    for name, cells in table.cells.items()
                },
            }
            for table in self.tables
        ]
        told = {"tables": tables, "costs": self.costs, "protocol": asdict(self.protocol), "methods": self.settings}
        return json.dumps(told, indent=2, ensure_ascii=False)

    def markdown(self) -> str:
        """Tables, costs and protocol."""
        lines = [
            "# Evaluation",
            "",
            f"{self.protocol.count} cases, {self.protocol.seeds} fills of each by methods that draw; means with 95 % "
            "bootstrap intervals over cases and over the seeds within them. ↑: higher is better, ↓: lower.",
        ]
        for table in self.tables:
            lines += ["", f"## {table.title}", "", *table.markdown()]
        lines += ["", "## Cost of one fill", "", *_cost_lines(self.costs)]
        lines += ["", "## Settings", "", "Figures compare only with those of the same settings.", ""]
        lines += [f"- cases: checksum `{self.protocol.cases}`"]
        lines += [f"- metric: `{json.dumps(metric)}`" for metric in self.protocol.metrics]
        lines += [f"- encoder: `{name}`, weights `{weights}`" for name, weights in self.protocol.encoders.items()]
        lines += [f"- method *{name}*: `{json.dumps(method)}`" for name, method in self.settings.items()]
        return "\n".join([*lines, ""])

    def html(self, best: list[Pictured], worst: list[Pictured], ordered_by: str) -> str:
        """One page that needs nothing else; whatever came from cases is escaped.

        Args:
            best: cases to look at first.
            worst: the same from the other end.
            ordered_by: the figure that decided.
        """
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
        sections = [section for section in (("Worst", worst), ("Best", best)) if section[1]]
        return template.render(report=self, sections=sections, ordered_by=ordered_by)


def write_report(evaluation: Evaluation, rows: list[Row], pictured: str) -> Report:
    """Writes `report.md`, `report.json`, `report.html` and `results.parquet` into the evaluation's folder.

    Args:
        evaluation: that ran.
        rows: its rows.
        pictured: the method whose worst and best cases are shown, by the first figure that it has of every fill.
    """
    report = Report.of(evaluation, rows)
    own = [row.figures for row in rows if row.method == pictured]
    columns = report.tables[0].columns
    column = next((one for one in columns if one.better and all(one.name in figures for figures in own)), None)
    worst, best = ([], []) if column is None else _ends(evaluation, rows, pictured, column)
    named = "" if column is None else f"{column.name} of {pictured}"
    _write(evaluation.folder / "report.md", report.markdown())
    _write(evaluation.folder / "report.json", report.json())
    _write(evaluation.folder / "report.html", report.html(best, worst, named))
    _write_results(evaluation.folder / "results.parquet", rows)
    return report


def _ends(
    evaluation: Evaluation, rows: list[Row], method: str, column: Column
) -> tuple[list[Pictured], list[Pictured]]:
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


def _cost_lines(costs: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| | seconds | GFLOP | peak memory beyond the weights | device |", "| --- | --: | --: | --: | --- |"]
    for name, cost in costs.items():
        memory = "not counted" if cost["peak_memory"] is None else f"{cost['peak_memory'] / 2**20:.0f} MiB"
        lines.append(f"| {name} | {cost['seconds']:.3g} | {cost['flops'] / 1e9:.3g} | {memory} | {cost['device']} |")
    return lines


def _plain(cell: Interval | None) -> dict[str, float] | None:
    return None if cell is None else asdict(cell)


def _read(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


def _write(path: Path, text: str) -> None:
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _write_results(path: Path, rows: list[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    flat = [
        {key: value for key, value in asdict(row).items() if key != "figures"}
        | {name: row.figures.get(name) for name in names}
        for row in rows
    ]
    with whole(path) as beside:
        pq.write_table(pa.Table.from_pylist(flat), beside)
