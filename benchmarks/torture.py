"""Fits and preparations that are killed at random moments, and have to end with the bits of those that were not."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.killing import Struck, strike
from benchmarks.reliability import RESULT, write
from benchmarks.statistics import table
from benchmarks.torture_fit import Fit
from benchmarks.torture_prepare import Preparation


def torture(kills: int = 20, seed: int = 0, output: str = RESULT) -> None:
    """Kills fits, and then preparations, with SIGKILL at random moments and compares their ends, on Linux.

    Each is started again by the same command until it ends; where it ends before it has been killed often enough,
    another one begins.

    Args:
        kills: how many of each.
        seed: of the moments.
        output: the Markdown file whose section is written.

    Raises:
        AssertionError: an end is another than that of what was not killed.
    """
    rows = []
    for victim in (Fit(), Preparation()):
        with TemporaryDirectory() as folder:
            rows.append(_row(victim, Path(folder), kills, random.Random(seed)))  # noqa: S311  chance, no secret
        print("\n".join(table(HEAD, rows)))
    write(
        "torture",
        [
            f"By `python -m benchmarks torture --kills {kills} --seed {seed}`.",
            "",
            "Each row: the same command killed with SIGKILL at random moments and started again until it ends. Its end "
            "is compared bit for bit with that of a run that was not killed: of a fit the weights, their average, the "
            "optimizer, the schedule, the place in the data, every logged value and the samples of every batch; of a "
            "preparation every row, the manifest and what was left out.",
            "",
            *table(HEAD, rows),
        ],
        output,
    )


HEAD = ["what", "kills survived", "of these within", "runs ended", "ends that differ"]


def _row(victim: Fit | Preparation, folder: Path, kills: int, chance: random.Random) -> list[str]:
    whole = strike(victim, folder / "whole", after=None)
    victim.check(whole)
    within: dict[str, int] = {}
    done = runs = 0
    while done < kills:
        runs += 1
        place = folder / f"run{runs}"
        struck = Struck(True, "", 0.0)
        while struck.killed:
            # So that a run gets on between kills, and comes to its end with about as many as there are.
            moment = chance.uniform(0, whole.seconds * min(0.9, 1.5 / kills)) if done < kills else None
            struck = strike(victim, place, moment)
            if struck.killed:
                done += 1
                within[struck.phase] = within.get(struck.phase, 0) + 1
                print(f"{victim.name}: {done} of {kills} kills, within {struck.phase}", flush=True)
        victim.check(struck)
        victim.assert_same(folder / "whole", place)
    phases = ", ".join(f"{phase} {count}" for phase, count in sorted(within.items()))
    return [victim.name, f"{done} of {kills}", phases, str(runs), "0"]
