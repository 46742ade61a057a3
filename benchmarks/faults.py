"""Faults that are made to happen, and two processes for one, with what is promised: the tests of it, counted."""

import sys
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from benchmarks.reliability import RESULT, write
from benchmarks.statistics import table

TESTS = (
    "tests/test_faults.py",
    "tests/callbacks/test_finiteness.py",
    "tests/test_atomic.py",
    "tests/commands/test_continuing.py::test_of_a_damaged_checkpoint_the_one_before_is_taken",
    "tests/test_ranks.py",
    "tests/test_hub.py::test_a_hub_that_hangs_half_way_is_told_and_gone_on_with",
)
HEAD = ["what was tried, and what came of it", "tries", "held"]


def faults(output: str = RESULT) -> None:
    """Runs the tests of faults and of two processes, slow ones too, and writes what each tries.

    Args:
        output: the Markdown file whose section is written.

    Raises:
        AssertionError: a test failed, or none ran; pytest's report is printed.
    """
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *TESTS]
        ended = run(command, check=False)  # noqa: S603  our own tests
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314  written by pytest a moment ago
    assert ended.returncode == 0 and cases, "a fault did not end as is promised; see above"
    rows: dict[str, list[int]] = {}
    skipped = 0
    for case in cases:
        if case.find("skipped") is not None:
            skipped += 1
            continue
        tries = rows.setdefault(_words(case.get("name", "")), [0, 0])
        tries[0] += 1
        tries[1] += case.find("failure") is None and case.find("error") is None
    left_out = f" {skipped} were skipped here." if skipped else ""
    write(
        "faults",
        [
            f"By `python -m benchmarks faults`: {sum(tries for tries, _ in rows.values())} tries, none lost anything."
            f"{left_out}",
            "",
            *table(HEAD, [[words, str(tries), str(held)] for words, (tries, held) in rows.items()]),
        ],
        output,
    )


def _words(name: str) -> str:
    """What a test's name says.

    Example:
        >>> _words("test_a_disk_that_is_full_leaves_the_one_before[shard]")
        'a disk that is full leaves the one before'
    """
    return name.partition("[")[0].removeprefix("test_").replace("_", " ")
