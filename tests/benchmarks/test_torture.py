import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.killing import strike
from benchmarks.torture import torture
from benchmarks.torture_fit import _same


class Sleeper:
    """Sleeps for a second, and writes down that it was there."""

    name = "sleep"

    def run(self, folder: Path, tell: Callable[[str], None]) -> int:
        tell("its sleep")
        time.sleep(1 if (folder / "long").exists() else 0)
        tell("waking")
        return 3


def test_a_process_is_killed_where_it_is_and_tells_how_it_ended(tmp_path: Path) -> None:
    ended = strike(Sleeper(), tmp_path, after=None)
    assert (ended.killed, ended.phase, ended.code) == (False, "waking", 3)
    (tmp_path / "long").touch()
    killed = strike(Sleeper(), tmp_path, after=0.05)
    assert (killed.killed, killed.phase, killed.code) == (True, "its sleep", -signal.SIGKILL)


def test_ends_that_differ_in_a_bit_are_not_the_same() -> None:
    end = {"weights": {"a": torch.ones(3)}, "rates": [0.1, 0.2], "logged": {"loss 1": "0.5"}}
    assert _same(end, {**end, "weights": {"a": torch.ones(3)}})
    for other in (
        {**end, "weights": {"a": torch.ones(3).nextafter(torch.zeros(3))}},
        {**end, "weights": {}},
        {**end, "rates": [0.1]},
        {**end, "logged": {"loss 1": "0.50"}},
    ):
        assert not _same(end, other)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
def test_fits_and_preparations_survive_kills(tmp_path: Path) -> None:
    torture(kills=1, output=str(tmp_path / "reliability.md"))
    page = (tmp_path / "reliability.md").read_text()
    assert "| fit | 1 of 1 |" in page and "| preparation | 1 of 1 |" in page
