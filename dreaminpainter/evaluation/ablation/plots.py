"""A study's figures as pictures: one plot an axis, with error bars."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from dreaminpainter.atomic import whole
from dreaminpainter.evaluation.ablation.results import Combination, Results
from dreaminpainter.evaluation.statistics import Interval

_COLOURS = ("#b5007f", "#0077a3", "#8a6500", "#2f7d32", "#6a3fb5", "#b3261e")


def plot_axis(results: Results, axis: str, path: Path) -> None:
    """Every figure over the values of one axis, a line for each combination of the others; 95 % intervals as bars.

    Args:
        results: of the study.
        axis: which of its axes lies along the bottom.
        path: the PNG to write.
    """
    labels = list(dict.fromkeys(one.labels[axis] for one in results.combinations))
    others: dict[str, list[Combination]] = {}
    for one in results.combinations:
        rest = ", ".join(f"{name} = {label}" for name, label in one.labels.items() if name != axis)
        others.setdefault(rest, []).append(one)
    count = max(len(results.figures), 1)
    # Not by pyplot, whose choice of a backend would be the caller's too.
    figure = Figure(figsize=(3.6 * count, 3.2), layout="constrained")
    places = figure.subplots(1, count, squeeze=False)
    for place, name in zip(places[0], results.figures, strict=False):
        for number, (rest, combinations) in enumerate(others.items()):
            found = [(one.labels[axis], results.interval(one, name)) for one in combinations]
            points = [(labels.index(label), interval) for label, interval in found if interval is not None]
            shift = (number - (len(others) - 1) / 2) * 0.12
            _bars(place, points, shift, _COLOURS[number % len(_COLOURS)], rest)
        place.set_title(name)
        place.set_xlabel(axis)
        wide = sum(map(len, labels)) > 24
        place.set_xticks(range(len(labels)), labels, rotation=30 if wide else 0, ha="right" if wide else "center")
        place.spines[["top", "right"]].set_visible(False)
        place.grid(axis="y", alpha=0.3)
    if len(others) > 1:
        figure.legend(*places[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    with whole(path) as beside:
        figure.savefig(beside, dpi=160, format="png")


def _bars(place: object, points: Iterable[tuple[int, Interval]], shift: float, colour: str, label: str) -> None:
    points = list(points)
    x = [position + shift for position, _ in points]
    y = [interval.mean for _, interval in points]
    below = [max(interval.mean - interval.low, 0.0) for _, interval in points]
    above = [max(interval.high - interval.mean, 0.0) for _, interval in points]
    place.errorbar(x, y, [below, above], fmt="o-", color=colour, capsize=3, lw=1.2, label=label)  # type: ignore[attr-defined]
