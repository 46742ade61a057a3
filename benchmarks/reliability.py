"""The page of what survives: a section a measurement, each made anew without the others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from benchmarks.sections import write_sections

RESULT = "benchmarks/results/reliability.md"

Section = Literal["torture", "faults", "fuzz", "flood"]
TITLES: dict[Section, str] = {
    "torture": "Killed, and started again",
    "faults": "Faults that were made to happen, and two processes in place of one",
    "fuzz": "Given hostile input",
    "flood": "A page asked for more than it can serve",
}


def write(section: Section, lines: Sequence[str], output: str) -> None:
    """Writes what was measured into its section of the page; the others stay as they are."""
    write_sections(Path(output), "# Reliability: what survives", TITLES, {section: lambda: lines}, only=[section])
