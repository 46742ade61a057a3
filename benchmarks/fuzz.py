"""Minutes of hostile input for everything that reads what others write."""

import resource
from collections.abc import Callable
from time import monotonic
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.hostile import PARSERS
from benchmarks.hostile.trying import LONGEST, REFUSALS, Parser, Tally, give
from benchmarks.reliability import RESULT, write
from benchmarks.statistics import table

_ROUND = 100
"""Inputs of one seed; more of the same search alike."""
HEAD = ["parser", "inputs", "read", "refused", "other errors", "slowest in s"]


def fuzz(minutes: float = 10.0, first_seed: int = 0, output: str = RESULT) -> None:
    """Gives every parser hostile inputs for its share of the time, on Linux or macOS.

    Inputs are valid files with a few edits. Each is either read, or refused by an error that a user can mend; any
    other error, and an input that hangs, stops this and is shown, made as small as Hypothesis can make it.

    Args:
        minutes: for all parsers together.
        first_seed: of the inputs; the same number of rounds gives the same ones.
        output: the Markdown file whose section is written.

    Raises:
        Exception: what a parser raised that is none of the listed errors.
    """
    rows, total = [], 0
    for parser in PARSERS:
        tally, number, end = Tally(), first_seed, monotonic() + 60 * minutes / len(PARSERS)
        while monotonic() < end:
            round_of(parser, tally, number, end)
            number += 1
        total += tally.inputs
        rows.append(_row(parser, tally))
        print(" | ".join(rows[-1]), flush=True)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    kinds = ", ".join(kind.__name__ for kind in REFUSALS)
    write(
        "fuzz",
        [
            f"By `python -m benchmarks fuzz --minutes {minutes:g} --first_seed {first_seed}`: {total:,} inputs, valid "
            "files with one to three edits each. Every one was read or refused with a message; what is refused raises "
            f"{kinds}, or of run lengths what the reader of the file turns into one of these. A broken object among "
            "whole ones counts as read, since it is left out and listed. An input that takes more than "
            f"{LONGEST} seconds would count as one that hangs. The process took {most:.1f} GB at most, libraries "
            "included.",
            "",
            *table(HEAD, rows),
        ],
        output,
    )


def round_of(parser: Parser, tally: Tally, number: int, end: float, count: int = _ROUND) -> None:
    """Up to `count` inputs of one seed; after the moment `end`, of the monotonic clock, none is given any more."""

    def given_one(content: Any) -> None:
        if monotonic() < end:
            give(parser, content, tally)

    quiet = settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    run: Callable[[], None] = seed(number)(quiet(given(parser.inputs)(given_one)))
    run()


def _row(parser: Parser, tally: Tally) -> list[str]:
    refused = ", ".join(f"{name} {count:,}" for name, count in sorted(tally.refused.items()))
    return [parser.name, f"{tally.inputs:,}", f"{tally.read:,}", refused or "0", "0", f"{tally.slowest:.2f}"]
