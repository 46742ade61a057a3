"""Figures of methods side by side."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from dreaminpainter.evaluation.metrics import Column
from dreaminpainter.evaluation.rows import Row
from dreaminpainter.evaluation.statistics import Interval, bootstrap

Cells = dict[str, dict[str, Interval | None]]
"""By method and column; None where a method has no such figure."""


@dataclass(frozen=True)
class Table:
    """Methods as rows, figures as columns.

    Args:
        title: what its cases are.
        columns: in their order.
        counts: how many cases and fills each method's figures are of.
        cells: the figures.
    """

    title: str
    columns: list[Column]
    counts: dict[str, tuple[int, int]]
    cells: Cells

    def markdown(self) -> list[str]:
        """Its lines; columns of which no method has a figure are left out."""
        columns = [column for column in self.columns if any(cells[column.name] for cells in self.cells.values())]
        head = ["", "cases", "fills", *map(_head, columns)]
        lines = [head, ["---", *["--:"] * (len(head) - 1)]]
        for method, cells in self.cells.items():
            cases, fills = self.counts[method]
            lines.append([method, str(cases), str(fills), *(_shown(cells[one.name], one) for one in columns)])
        return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]

    def text(self, width: int) -> list[str]:
        """The means alone, for a terminal: as many columns side by side as fit, the others below.

        Args:
            width: of the terminal, in characters.
        """
        columns = [column for column in self.columns if any(cells[column.name] for cells in self.cells.values())]
        margin = max(map(len, self.cells))
        lines: list[str] = []
        while columns:
            fitting, used = 0, margin
            while fitting < len(columns) and (used := used + _width(columns[fitting]) + 2) <= width:
                fitting += 1
            block, columns = columns[: fitting or 1], columns[fitting or 1 :]
            lines.append(" " * margin + "".join(f"  {_head(one):>{_width(one)}}" for one in block))
            for method, cells in self.cells.items():
                means = [(one, cells[one.name]) for one in block]
                shown = [(one, "–" if cell is None else f"{cell.mean:.{one.digits}f}") for one, cell in means]
                lines.append(f"{method:<{margin}}" + "".join(f"  {text:>{_width(one)}}" for one, text in shown))
            lines.append("")
        return lines


def _head(column: Column) -> str:
    return f"{column.name}{_ARROWS[column.better]}"


def _width(column: Column) -> int:
    return max(len(_head(column)), 7)


_ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}


def table_of(title: str, rows: Iterable[Row], methods: Iterable[str], columns: list[Column]) -> Table:
    """The table of some rows; intervals are over cases, and over the seeds of each case.

    Args:
        title: what the rows are of.
        rows: of whatever methods.
        methods: the rows of the table, in this order.
        columns: its columns.
    """
    cells: Cells = {}
    counts: dict[str, tuple[int, int]] = {}
    by_method: dict[str, list[Row]] = {name: [] for name in methods}
    for row in rows:
        if row.method in by_method:
            by_method[row.method].append(row)
    for name, own in by_method.items():
        counts[name] = (len({row.case for row in own}), len(own))
        cells[name] = {column.name: interval_of(own, column.name) for column in columns}
    return Table(title, columns, counts, cells)


def interval_of(rows: list[Row], column: str) -> Interval | None:
    """The mean of a figure and its range, cases being drawn and seeds within them; None where no row has it."""
    found = [(row.case, row.figures[column]) for row in rows if column in row.figures]
    if not found:
        return None
    return bootstrap(torch.tensor([value for _, value in found]), [case for case, _ in found])


def _shown(cell: Interval | None, column: Column) -> str:
    return "–" if cell is None else cell.format(column.digits)
