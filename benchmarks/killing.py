"""Forks of this process that are killed: nothing is imported anew, so a kill costs seconds."""

import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Victim(Protocol):
    """What is killed: `run` does its work in a folder, and tells by `phase` where it is."""

    name: str

    def run(self, folder: Path, phase: Callable[[str], None]) -> int: ...


@dataclass
class Struck:
    """How a process ended.

    Args:
        killed: whether it was killed before it ended.
        phase: where it was then.
        seconds: from its first phase on.
        code: its exit code.
        output: the file that it printed to.
    """

    killed: bool
    phase: str
    seconds: float
    code: int = 0
    output: Path | None = None


def strike(victim: Victim, folder: Path, after: float | None) -> Struck:
    """Runs a victim in a process group of its own, and kills the process `after` seconds from its first phase on.

    Args:
        victim: what is run.
        folder: where.
        after: seconds; None lets it end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "output.txt"
    shared = mmap.mmap(-1, 64)
    process = os.fork()
    if process == 0:
        _become(victim, folder, output, shared)
    began: float | None = None
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        phase = bytes(shared[:]).rstrip(b"\0").decode()
        began = time.monotonic() if began is None and phase else began
        seconds = 0.0 if began is None else time.monotonic() - began
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return Struck(code == -signal.SIGKILL, phase, seconds, code, output)
        if after is not None and began is not None and seconds >= after:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            after = None
        time.sleep(0.002)


def _become(victim: Victim, folder: Path, output: Path, shared: mmap.mmap) -> None:
    """Ends this process with the victim's exit code."""
    code = 70
    try:
        file = output.open("a", buffering=1, encoding="utf-8")
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = file

        def tell(phase: str) -> None:
            shared[:] = phase.encode().ljust(64, b"\0")

        code = victim.run(folder, tell)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)
