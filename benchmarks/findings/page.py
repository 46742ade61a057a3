"""The page of findings, from the stored fills alone."""

from collections.abc import Iterable
from typing import Any

from benchmarks.findings.again import again_lines
from benchmarks.findings.claims import Claim, Verdict
from benchmarks.statistics import table
from dreaminpainter.evaluation.ablation.report import table_lines
from dreaminpainter.evaluation.ablation.results import Results

HEADINGS = {
    "F1": "All tokens, or few of them",
    "F2": "How many tokens",
    "F3": "Decoupling regularization",
    "F4": "Which features",
    "F5": "Which tokens",
    "F6": "Which block and timestep",
    "F7": "Guidance along the text",
    "open": "Where the paper is silent",
}


def verdict_lines(verdicts: Iterable[Verdict]) -> list[str]:
    """The table of verdicts in Markdown; figures are percent, but for diversity, which is in levels of 255."""
    head = ["", "claim", "figure", "higher", "lower", "difference", "verdict"]
    rows = []
    for one in verdicts:
        claim, scale = one.claim, _scale(one.claim)
        shown = [interval.times(scale).format(1) for interval in (one.higher, one.lower, one.difference)]
        arms = [f"{name}: {figure}" for name, figure in zip((claim.higher, claim.lower), shown, strict=False)]
        rows.append([claim.finding, claim.says, claim.figure, *arms, shown[2], f"**{one.word}**"])
    return table(head, rows)


def page(
    verdicts: list[Verdict],
    studies: dict[str, Results],
    told: dict[str, dict[str, Any]],
    intro: str,
    places: list[str],
) -> str:
    """Everything: what was done, verdicts by finding, each study's figures, and what was spent.

    Args:
        verdicts: of all claims.
        studies: results by the study's name.
        told: what was run, by the study's name.
        intro: what stands first.
        places: the table of where chosen tokens lie.
    """
    lines = ["# Which of the paper's claims hold", "", intro.strip(), ""]
    for finding, heading in HEADINGS.items():
        own = [one for one in verdicts if one.claim.finding == finding]
        if own:
            lines += [f"## {'Open points' if finding == 'open' else finding}: {heading}", "", *verdict_lines(own), ""]
        if finding == "F5":
            lines += ["Where the chosen tokens lie, of 128 held-out references read by the trunk, in percent:", ""]
            lines += [*places, ""]
    lines += ["## One arm run again", "", "F3's constant 0.2 with seed 0, from its config; in percent:", ""]
    lines += [*again_lines(studies), ""]
    lines += ["## What was spent", "", *_spent(studies, told), ""]
    for name, results in studies.items():
        lines += [f"## Every arm of {name}", "", *table_lines(results), ""]
    return "\n".join(lines)


def _spent(studies: dict[str, Results], told: dict[str, dict[str, Any]]) -> list[str]:
    head = [
        "study",
        "arms",
        "training seeds",
        "steps a training",
        "samples a step",
        "hours of one core",
        "cases",
        "config",
    ]
    rows = []
    for name, results in studies.items():
        seeds = sorted({seed for one in results.combinations for seed in one.rows})
        spent = [str(told[name][part]) for part in ("steps", "batch size", "training hours")]
        config = f"`configs/ablations/paper/{name}.yaml`"
        arms, cases = str(len(results.combinations)), str(len(results.cases))
        rows.append([name, arms, ", ".join(map(str, seeds)), *spent, cases, config])
    return table(head, rows)


def _scale(claim: Claim) -> float:
    return 1.0 if claim.figure == "diversity" else 100.0
