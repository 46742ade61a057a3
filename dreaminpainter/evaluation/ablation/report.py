"""A study's page: table, plots and words."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

from dreaminpainter.atomic import whole
from dreaminpainter.evaluation.ablation.plots import plot_axis
from dreaminpainter.evaluation.ablation.results import Results
from dreaminpainter.evaluation.ablation.words import paragraph


def write_study(results: Results, folder: Path) -> Path:
    """Writes `report.md`, `results.csv`, `results.json` and a plot an axis into `folder`; returns the report's path."""
    plots = {axis: f"{_plain(axis)}.png" for axis in results.axes}
    for axis, name in plots.items():
        plot_axis(results, axis, folder / name)
    _write_csv(results, folder / "results.csv")
    _write(folder / "results.json", json.dumps(_as_json(results), indent=2))
    report = folder / "report.md"
    _write(report, "\n".join(_lines(results, plots)))
    return report


def table_lines(results: Results) -> list[str]:
    """The table in Markdown: a row a combination."""
    head = [*results.axes, "seeds", "cases", *results.figures]
    lines = [head, ["---"] * len(head)]
    for one in results.combinations:
        intervals = [results.interval(one, figure) for figure in results.figures]
        shown = ["–" if interval is None else interval.format(3) for interval in intervals]
        lines.append([*one.labels.values(), str(len(one.rows)), str(len(results.cases)), *shown])
    return ["| " + " | ".join(line) + " |" for line in lines]


def _lines(results: Results, plots: dict[str, str]) -> list[str]:
    return [
        f"# {results.question}",
        "",
        "Means with 95 % intervals over cases and training seeds, both drawn anew (pigeonhole bootstrap), and no "
        "narrower than Student's over the seeds. Intervals of the differences below are wider: they allow for the "
        "number of pairs that could have been highest and lowest.",
        "",
        *table_lines(results),
        "",
        paragraph(results),
        "",
        *(f"![{axis}]({name})" for axis, name in plots.items()),
        "",
    ]


def _write_csv(results: Results, path: Path) -> None:
    columns = [f"{figure}{end}" for figure in results.figures for end in ("", " low", " high")]
    with whole(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*results.axes, "seeds", "cases", *columns])
        for one in results.combinations:
            numbers: list[float | str] = []
            for figure in results.figures:
                interval = results.interval(one, figure)
                numbers += ["", "", ""] if interval is None else [interval.mean, interval.low, interval.high]
            writer.writerow([*one.labels.values(), len(one.rows), len(results.cases), *numbers])


def _as_json(results: Results) -> dict[str, object]:
    combinations = []
    for one in results.combinations:
        intervals = {figure: results.interval(one, figure) for figure in results.figures}
        figures = {name: None if interval is None else asdict(interval) for name, interval in intervals.items()}
        combinations.append({"labels": one.labels, "seeds": list(one.rows), "figures": figures})
    return {"question": results.question, "cases": len(results.cases), "combinations": combinations}


def _write(path: Path, text: str) -> None:
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
