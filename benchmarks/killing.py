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
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol


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
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        call_and_exit(lambda: victim.run(folder, partial(_tell, shared)), file)
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


def _tell(shared: mmap.mmap, phase: str) -> None:
    shared[:] = phase.encode().ljust(64, b"\0")


def call_and_exit(function: Callable[[], int | None], output: int) -> NoReturn:
    """Ends this process, a fork, with the code that `function` returns or exits with; 70 where it fails.

    Args:
        function: called here.
        output: the file descriptor that all is printed to.
    """
    code = 70
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = sys.stderr = os.fdopen(output, "w", buffering=1)
        code = int(function() or 0)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)
