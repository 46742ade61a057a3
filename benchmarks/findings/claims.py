"""What is claimed, by the paper or of its open points, each as a difference that a study measures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from dreaminpainter.evaluation.ablation.results import Combination, Results
from dreaminpainter.evaluation.statistics import Interval

Word = Literal["holds", "holds, by less than matters", "does not hold", "not resolved at this size"]


@dataclass(frozen=True)
class Claim:
    """That a figure is higher for one arm than for another.

    Args:
        finding: which finding it is of, such as "F1".
        says: the claim in plain words.
        study: name of the study, a config in `configs/ablations/paper`.
        figure: column of the study's results.
        higher: label of the arm that the claim has higher.
        lower: label of the other.
        least: the smallest difference that would matter, in the figure's unit; our choice.
    """

    finding: str
    says: str
    study: str
    figure: str
    higher: str
    lower: str
    least: float


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Args:
        claim: which one.
        higher: the figure of the arm that it has higher.
        lower: of the other.
        difference: paired over cases and training seeds; of a claim that was made before it was measured.
    """

    claim: Claim
    higher: Interval
    lower: Interval
    difference: Interval

    @property
    def word(self) -> Word:
        """It holds where the whole interval of the difference is above zero, by less than matters where all of it is
        below that as well; it does not hold where zero is in an interval that is below what would matter; else this
        many cases and trainings do not tell."""
        return decided(self.difference, self.claim.least)


def decided(difference: Interval, least: float) -> Word:
    """The word for a difference.

    Example:
        >>> decided(Interval(0.1, 0.05, 0.15), least=0.02), decided(Interval(0.0, -0.01, 0.01), least=0.02)
        ('holds', 'does not hold')
        >>> decided(Interval(0.02, -0.01, 0.05), least=0.02), decided(Interval(0.01, 0.005, 0.015), least=0.02)
        ('not resolved at this size', 'holds, by less than matters')
    """
    if difference.low > 0:
        return "holds" if difference.high >= least else "holds, by less than matters"
    return "does not hold" if difference.high < least else "not resolved at this size"


def judge(claim: Claim, results: Results) -> Verdict:
    """What the study's results say of a claim.

    Raises:
        KeyError: the study has no such arm, or no such figure of it.
    """
    higher, lower = _arm(results, claim.higher), _arm(results, claim.lower)
    difference = results.difference(higher, lower, claim.figure, comparisons=1)
    of_each = [results.interval(one, claim.figure) for one in (higher, lower)]
    if difference is None or of_each[0] is None or of_each[1] is None:
        raise KeyError(f"The study {claim.study} has no figure {claim.figure!r} of both {claim.higher!r} and others.")
    return Verdict(claim, of_each[0], of_each[1], difference)


def _arm(results: Results, label: str) -> Combination:
    for one in results.combinations:
        if label in one.labels.values():
            return one
    raise KeyError(f"No arm is called {label!r}, but {', '.join(one.name for one in results.combinations)}.")


def claims() -> list[Claim]:
    """All of them, in the order of the page."""
    text = Path(__file__).with_name("claims.yaml").read_text(encoding="utf-8")
    return [Claim(**entry) for entry in yaml.safe_load(text)]
