"""What the cells of a study came to."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from dreaminpainter.errors import MissingFileError
from dreaminpainter.evaluation.ablation.plan import Plan
from dreaminpainter.evaluation.rows import Row, Rows
from dreaminpainter.evaluation.settings import Protocol
from dreaminpainter.evaluation.statistics import Interval, crossed_bootstrap, half_width


@dataclass(frozen=True)
class Combination:
    """One combination of values, over all training seeds.

    Args:
        labels: of each axis.
        rows: of each training seed.
    """

    labels: dict[str, str]
    rows: dict[int, list[Row]]

    @property
    def name(self) -> str:
        """As tables and sentences call it."""
        return ", ".join(f"{axis} = {label}" for axis, label in self.labels.items()) or "as configured"

    def values(self, figure: str, cases: list[str]) -> Tensor:
        """(training seeds, cases): the figure's mean over each case's fills; NaN where there is none."""
        table = torch.full((len(self.rows), len(cases)), torch.nan, dtype=torch.float64)
        places = {case: place for place, case in enumerate(cases)}
        for line, rows in enumerate(self.rows.values()):
            found: dict[int, list[float]] = {}
            for row in rows:
                if figure in row.figures:
                    found.setdefault(places[row.case], []).append(row.figures[figure])
            for place, values in found.items():
                table[line, place] = sum(values) / len(values)
        return table


@dataclass(frozen=True)
class Results:
    """A study's figures.

    Args:
        question: what it answers.
        axes: names of what was varied.
        figures: which figures it tells of.
        combinations: in the plan's order.
        cases: ids of all cases.
        missing: figures that were asked for and that no cell has.
        trained: whether the cells are trainings of their own.
    """

    question: str
    axes: list[str]
    figures: list[str]
    combinations: list[Combination]
    cases: list[str]
    missing: list[str] = field(default_factory=list)
    trained: bool = True

    @classmethod
    def read(cls, plan: Plan, folder: Path) -> "Results":
        """What the cells in `folder` have measured.

        Raises:
            MissingFileError: a cell was not evaluated.
            SettingError: the cells were measured with different settings.
        """
        by_name: dict[str, Combination] = {}
        first: Protocol | None = None
        varied = {name for axis in plan.axes.values() for label in axis.labelled() for name in axis.settings(label)}
        for cell in plan.cells():
            place = folder / "cells" / cell.name / "evaluation"
            protocol = Protocol.read(place)
            rows = Rows(place / plan.method).read()
            if protocol is None or not rows:
                raise MissingFileError(f"The cell {cell.name} was not evaluated: {place} has no figures of it.")
            first = first or protocol
            # A study may vary the cases themselves; then its figures compare as far as those cases do.
            if not any(name.startswith("evaluation.cases") for name in varied):
                first.refuse_others(protocol, str(place))
            one = by_name.setdefault(str(cell.labels), Combination(cell.labels, {}))
            one.rows[cell.seed] = _with_costs(rows, place / plan.method)
        combinations = list(by_name.values())
        cases = dict.fromkeys(row.case for one in combinations for rows in one.rows.values() for row in rows)
        known = {name for one in combinations for rows in one.rows.values() for row in rows for name in row.figures}
        figures = [name for name in plan.figures if name in known]
        missing = [name for name in plan.figures if name not in known]
        return cls(plan.question, list(plan.axes), figures, combinations, list(cases), missing, bool(plan.fit))

    def interval(self, one: Combination, figure: str) -> Interval | None:
        """A figure of a combination: cases and training seeds are drawn anew.

        The range is no narrower than Student's over the seeds' means, whose variance is taken to be the same for all
        combinations: three trainings alone tell little of it.
        """
        drawn = crossed_bootstrap(one.values(figure, self.cases))
        means = self._means(figure)
        if drawn is None or means is None:
            return drawn
        count, seeds = means.shape
        return drawn.widened(half_width(float(means.var(1).mean()) / seeds, count * (seeds - 1)))

    @property
    def pairs(self) -> int:
        """How many pairs of combinations there are."""
        return len(self.combinations) * (len(self.combinations) - 1) // 2

    def difference(self, one: Combination, other: Combination, figure: str, comparisons: int) -> Interval | None:
        """How much higher a figure is for `one` than for `other`, case by case and seed by seed.

        The range is no narrower than Student's of a randomized block design, the seeds being the blocks.

        Args:
            one: the minuend.
            other: the subtrahend.
            figure: which one.
            comparisons: out of how many differences this one was picked for being large; 1 where it was asked for
                beforehand, `pairs` for highest less lowest: of many that are alike, some two always look different.
        """
        drawn = crossed_bootstrap(one.values(figure, self.cases) - other.values(figure, self.cases), comparisons)
        means = self._means(figure)
        if drawn is None or means is None or len(means) < 2:
            return drawn
        count, seeds = means.shape
        rest = means - means.mean(1, keepdim=True) - means.mean(0, keepdim=True) + means.mean()
        freedom = (count - 1) * (seeds - 1)
        return drawn.widened(half_width(2 * float(rest.square().sum()) / freedom / seeds, freedom, comparisons))

    def _means(self, figure: str) -> Tensor | None:
        """(combinations, training seeds) over the cases, of those that have the figure; None without two seeds."""
        means = [one.values(figure, self.cases).nanmean(1) for one in self.combinations]
        seeds = {len(one) for one in means}
        found = [one for one in means if not one.isnan().any()]
        return torch.stack(found) if found and len(seeds) == 1 and min(seeds) > 1 else None


def _with_costs(rows: list[Row], folder: Path) -> list[Row]:
    """Rows of a method's folder whose figures tell what a fill costs, too."""
    gflop = json.loads((folder / "cost.json").read_text(encoding="utf-8"))["flops"] / 1e9
    return [replace(row, figures={**row.figures, "seconds": row.seconds, "GFLOP": gflop}) for row in rows]
