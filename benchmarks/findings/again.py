"""An arm that was run again from its config, beside what it came to at first."""

from benchmarks.statistics import table
from dreaminpainter.evaluation.ablation.results import Combination, Results
from dreaminpainter.evaluation.statistics import Interval

AGAIN, OF = "again", "f3_regularization"
"""The study of that one training, and the study that has the same arm and seed."""


def run_again(studies: dict[str, Results]) -> dict[str, tuple[float, float, Interval]]:
    """By figure: its mean over the fills of the first run, of the second, and the arm's interval over its seeds."""
    first, second = studies[OF], studies[AGAIN]
    (again,) = second.combinations
    (arm,) = [one for one in first.combinations if one.labels == again.labels]
    (seed,) = again.rows
    found = {}
    for figure in second.figures:
        interval = first.interval(arm, figure)
        if interval is not None:
            before = Combination(arm.labels, {seed: arm.rows[seed]})
            means = [float(one.values(figure, first.cases).nanmean()) for one in (before, again)]
            found[figure] = (means[0], means[1], interval)
    return found


def again_lines(studies: dict[str, Results]) -> list[str]:
    """The table in Markdown, in percent."""
    rows = [
        [figure, f"{100 * before:.1f}", f"{100 * again:.1f}", interval.times(100).format(1)]
        for figure, (before, again, interval) in run_again(studies).items()
    ]
    return table(["figure", "first", "again", "the arm, over its seeds"], rows)
