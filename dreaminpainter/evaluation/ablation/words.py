"""What a study's figures say, in plain words that follow from the numbers alone."""

from dreaminpainter.evaluation.ablation.results import Combination, Results
from dreaminpainter.evaluation.statistics import Interval


def paragraph(results: Results) -> str:
    """A sentence for each figure: which combination is highest and lowest, how far apart, and whether that is sure.

    Before them what no interval can tell, and after them which figures nothing was measured of.
    """
    missing = [f"No cell has a figure of the name {', '.join(results.missing)}."] if results.missing else []
    if len(results.combinations) < 2:
        return " ".join(["There is one combination only, so nothing is compared.", *missing])
    once = results.trained and all(len(one.rows) == 1 for one in results.combinations)
    alone = ["Each combination has one seed: what another training would give is in no interval."] if once else []
    return " ".join([*alone, *(_about(results, figure) for figure in results.figures), *missing])


def _about(results: Results, figure: str) -> str:
    found = [(one, interval) for one in results.combinations if (interval := results.interval(one, figure))]
    if len(found) < 2:
        return f"{_capital(figure)}: fewer than two combinations have this figure."
    ordered = sorted(found, key=lambda pair: pair[1].mean)
    (lowest, low), (highest, high) = ordered[0], ordered[-1]
    difference = results.difference(highest, lowest, figure, results.pairs)
    if difference is None:
        return f"{_capital(figure)}: highest and lowest have no case in common."
    return (
        f"{_capital(figure)} is highest for {highest.name} ({high.format(3)}) and lowest for {lowest.name} "
        f"({low.format(3)}), a difference of {difference.format(3)}, {effect(results, highest, lowest, figure)}; "
        f"{verdict(difference)}, and the two ranges {'overlap' if high.overlaps(low) else 'do not overlap'}."
    )


def verdict(difference: Interval) -> str:
    """Whether the range of a difference holds zero.

    Example:
        >>> verdict(Interval(0.2, 0.1, 0.3)), verdict(Interval(0.2, -0.1, 0.5))
        ('more than chance explains', 'no more than chance explains')
    """
    return "more than chance explains" if difference.low > 0 or difference.high < 0 else "no more than chance explains"


def effect(results: Results, one: Combination, other: Combination, figure: str) -> str:
    """The mean difference over the deviation of the case-by-case differences, in words.

    The words are Cohen's (1988): below 0.2 negligible, below 0.5 small, below 0.8 medium, else large.
    """
    differences = (one.values(figure, results.cases) - other.values(figure, results.cases)).nanmean(0)
    differences = differences[~differences.isnan()]
    deviation = float(differences.std()) if len(differences) > 1 else 0.0
    if deviation == 0:
        return "the same in every case"
    size = float(differences.mean()) / deviation
    bounds = {"negligible": 0.2, "small": 0.5, "medium": 0.8, "large": float("inf")}
    word = next(name for name, bound in bounds.items() if abs(size) < bound)
    return f"an effect of {size:.2f} standard deviations ({word})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
