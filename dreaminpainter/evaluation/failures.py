"""On which inputs a method fails (question 10): its figures by what the cases are like."""

from dataclasses import dataclass

import torch

from dreaminpainter.cutout import boxes_of
from dreaminpainter.evaluation.cases import CaseSet, open_problem
from dreaminpainter.evaluation.rows import Row
from dreaminpainter.evaluation.statistics import Interval
from dreaminpainter.evaluation.table import interval_of
from dreaminpainter.pictures import mask_to_tensor

_MOST = 12
"""Classes that are shown; the least good ones."""


@dataclass(frozen=True)
class Group:
    """Cases that have something in common.

    Args:
        by: what, such as "hole's share of the picture".
        label: its value.
        cases: how many.
        interval: of the figure.
    """

    by: str
    label: str
    cases: int
    interval: Interval


def groups_of(cases: CaseSet, rows: list[Row], figure: str, lower_is_better: bool = False) -> list[Group]:
    """A method's figure by hole's share, hole's shape, class and kind of case; of each the worst first.

    Args:
        cases: that were filled.
        rows: the method's.
        figure: the name of the figure.
        lower_is_better: whether the worst are those where it is high.
    """
    labels: dict[str, dict[str, list[Row]]] = {}
    shares, shapes = _holes(cases)
    bounds = _terciles(list(shares.values()))
    named = {case.id: case for case in cases.cases}
    for row in rows:
        if figure not in row.figures:
            continue
        case = named[row.case]
        of_row = {
            "hole's share of the picture": _third(shares[row.case], bounds),
            "hole's shape": shapes[row.case],
            "class": case.class_name,
            "kind": case.kind,
        }
        for by, label in of_row.items():
            labels.setdefault(by, {}).setdefault(label, []).append(row)
    found = []
    for by, parts in labels.items():
        groups = []
        for label, own in parts.items():
            interval = interval_of(own, figure)
            if interval is not None:
                groups.append(Group(by, label, len({row.case for row in own}), interval))
        if len(groups) > 1:
            found += sorted(groups, key=lambda group: group.interval.mean, reverse=lower_is_better)[:_MOST]
    return found


def _holes(cases: CaseSet) -> tuple[dict[str, float], dict[str, str]]:
    """Each hole's share of its picture, and its shape in a word."""
    shares, shapes = {}, {}
    for case in cases.cases:
        mask = mask_to_tensor(open_problem(cases, case).mask)
        shares[case.id] = float(mask.float().mean())
        left, top, right, bottom = boxes_of(mask[None])[0].tolist()
        aspect = (right - left) / (bottom - top)
        shapes[case.id] = "tall" if aspect < 0.8 else "wide" if aspect > 1.25 else "as wide as tall"
    return shares, shapes


def _terciles(values: list[float]) -> tuple[float, float]:
    low, high = torch.tensor(values, dtype=torch.float64).quantile(torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))
    return float(low), float(high)


def _third(value: float, bounds: tuple[float, float]) -> str:
    low, high = (f"{100 * bound:.0f} %" for bound in bounds)
    return f"up to {low}" if value <= bounds[0] else f"{low} to {high}" if value <= bounds[1] else f"above {high}"
