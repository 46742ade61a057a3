"""What came of an evaluation, as data, as JSON to compute with and as Markdown to read."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dreaminpainter.evaluation.evaluating import Evaluation
from dreaminpainter.evaluation.failures import Group, groups_of
from dreaminpainter.evaluation.metrics import Column
from dreaminpainter.evaluation.rows import Row
from dreaminpainter.evaluation.settings import Protocol
from dreaminpainter.evaluation.statistics import Interval
from dreaminpainter.evaluation.table import Cells, Table, table_of


@dataclass
class Report:
    """What came of an evaluation.

    Args:
        tables: of all cases, and of each kind.
        costs: of each method, as `cost.json` has it.
        protocol: how it was measured.
        settings: of each method, as `method.json` has it.
        judged: the method whose failures are looked at.
        deciding: the figure that tells how good its fills are; None where there is none.
        groups: where that is low and where high.
    """

    tables: list[Table]
    costs: dict[str, dict[str, Any]]
    protocol: Protocol
    settings: dict[str, dict[str, Any]]
    judged: str
    deciding: Column | None
    groups: list[Group]

    @classmethod
    def of(cls, evaluation: Evaluation, rows: list[Row], judged: str) -> "Report":
        """The report of what was measured.

        Args:
            evaluation: that ran.
            rows: its rows.
            judged: the method whose failures are looked at, by the first figure that it has of every fill.
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
        own = [row for row in rows if row.method == judged]
        deciding = next((one for one in columns if one.better and all(one.name in row.figures for row in own)), None)
        protocol = Protocol.read(evaluation.folder)
        assert protocol is not None  # noqa: S101  written before anything was measured
        return cls(
            [whole_set, *(parts if len(kinds) > 1 else [])],
            {name: _read(evaluation.folder / name / "cost.json") for name in evaluation.methods},
            protocol,
            {name: _read(evaluation.folder / name / "method.json")["method"] for name in evaluation.methods},
            judged,
            deciding,
            [] if deciding is None else groups_of(evaluation.cases, own, deciding.name, deciding.better == "lower"),
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
        told["groups"] = [asdict(group) for group in self.groups]
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
        if self.deciding is not None and self.groups:
            lines += ["", f"## Where *{self.judged}* fails, by {self.deciding.name}", ""]
            lines += ["| | | cases | |", "| --- | --- | --: | --: |"]
            for group in self.groups:
                shown = group.interval.format(self.deciding.digits)
                lines.append(f"| {group.by} | {group.label} | {group.cases} | {shown} |")
        lines += ["", "## Cost of one fill", "", *_cost_lines(self.costs)]
        lines += ["", "## Settings", "", "Figures compare only with those of the same settings.", ""]
        lines += [f"- cases: checksum `{self.protocol.cases}`"]
        lines += [f"- metric: `{json.dumps(metric)}`" for metric in self.protocol.metrics]
        lines += [f"- encoder: `{name}`, weights `{weights}`" for name, weights in self.protocol.encoders.items()]
        lines += [f"- method *{name}*: `{json.dumps(method)}`" for name, method in self.settings.items()]
        return "\n".join([*lines, ""])


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
