"""The two plots of the findings that the README shows."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dreaminpainter.atomic import whole
from dreaminpainter.evaluation.ablation.results import Combination, Results

COLOURS = {"reference": "#b5007f", "text": "#0077a3", "copied": "#8a6500", "both": "#2f7d32"}


def plot_over_k(results: Results, path: Path) -> None:
    """Identity, text-following and copying over K, with 95 % intervals."""
    by_k = {
        int(label.removeprefix("cosine, K ")): one
        for label, one in _labelled(results)
        if label.startswith("cosine, K ")
    }
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    place = figure.subplots()
    ks = sorted(by_k)
    for name in ("reference", "text", "copied"):
        _line(place, results, [by_k[k] for k in ks], ks, name)
    place.set_xscale("log", base=2)
    place.set_xticks(ks, [str(k) for k in ks])
    place.set_xlabel("K, tokens of 256 that stand for the subject")
    _finish(figure, place, path)


def plot_arms(results: Results, path: Path) -> None:
    """Identity, text-following and copying of each arm, with 95 % intervals."""
    labelled = _labelled(results)
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    place = figure.subplots()
    for number, name in enumerate(("reference", "text", "copied", "both")):
        shift = (number - 1.5) * 0.1
        _line(place, results, [one for _, one in labelled], [at + shift for at in range(len(labelled))], name, "o")
    place.set_xticks(range(len(labelled)), [label for label, _ in labelled], rotation=20, ha="right")
    _finish(figure, place, path)


def _labelled(results: Results) -> list[tuple[str, Combination]]:
    return [(next(iter(one.labels.values())), one) for one in results.combinations]


def _line(place: Axes, results: Results, arms: list[Combination], x: list[float], name: str, form: str = "o-") -> None:
    found = [(at, interval) for at, one in zip(x, arms, strict=True) if (interval := results.interval(one, name))]
    y = [100 * interval.mean for _, interval in found]
    reach = [[100 * abs(interval.mean - end) for end in (interval.low, interval.high)] for _, interval in found]
    errors = [list(side) for side in zip(*reach, strict=True)]
    place.errorbar([at for at, _ in found], y, errors, fmt=form, color=COLOURS[name], capsize=3, lw=1.2, label=name)


def _finish(figure: Figure, place: Axes, path: Path) -> None:
    place.set_ylabel("percent of fills")
    place.spines[["top", "right"]].set_visible(False)
    place.grid(axis="y", alpha=0.3)
    place.legend(frameon=False, ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as beside:
        figure.savefig(beside, dpi=200, format="png")
