"""The report's files: Markdown, JSON, every fill's figures, and one HTML page to look at."""

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, StrictUndefined

from dreaminpainter.atomic import whole
from dreaminpainter.evaluation.evaluating import Evaluation
from dreaminpainter.evaluation.pictured import Pictured, worst_and_best
from dreaminpainter.evaluation.report import Report
from dreaminpainter.evaluation.rows import Row

_TEMPLATE = Path(__file__).with_name("report.html")


def write_report(evaluation: Evaluation, rows: list[Row], judged: str) -> Report:
    """Writes `report.md`, `report.json`, `report.html` and `results.parquet` into the evaluation's folder.

    Args:
        evaluation: that ran.
        rows: its rows.
        judged: the method whose worst and best cases are shown.
    """
    report = Report.of(evaluation, rows, judged)
    worst: list[Pictured] = []
    best: list[Pictured] = []
    if report.deciding is not None:
        worst, best = worst_and_best(evaluation, rows, judged, report.deciding)
    _write(evaluation.folder / "report.md", report.markdown())
    _write(evaluation.folder / "report.json", report.json())
    _write(evaluation.folder / "report.html", page(report, worst, best))
    _write_results(evaluation.folder / "results.parquet", rows)
    return report


def page(report: Report, worst: list[Pictured], best: list[Pictured]) -> str:
    """The HTML page, which needs no other file and no network; whatever came from cases is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    sections = [section for section in (("Worst", worst), ("Best", best)) if section[1]]
    return template.render(report=report, sections=sections)


def _write(path: Path, text: str) -> None:
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _write_results(path: Path, rows: list[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    flat = [
        {key: value for key, value in asdict(row).items() if key != "figures"}
        | {name: row.figures.get(name) for name in names}
        for row in rows
    ]
    with whole(path) as beside:
        pq.write_table(pa.Table.from_pylist(flat), beside)
