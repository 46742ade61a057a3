"""The `dreaminpainter` command as `torchrun` starts it: several real processes, joined by gloo.

They are forks of the test's own process, so that nothing is imported anew; no agent looks after them.
"""

import os
import select
import signal
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

from benchmarks.killing import call_and_exit

PATIENCE = 60
"""Seconds in which all of them have to end."""


def on_ranks(work: Callable[[int], Any], count: int = 2) -> tuple[list[int], str]:
    """Calls `work(rank)` in `count` processes.

    Returns:
        Their exit codes by rank, minus SIGKILL's number of one that had to be ended since it did not end by itself;
        and what they printed, in the order in which it came.
    """
    readable, writable = os.pipe()
    port = free_port()
    processes = [_started(work, rank, count, port, (readable, writable)) for rank in range(count)]
    os.close(writable)
    end = monotonic() + PATIENCE
    printed = _read(readable, end)
    os.close(readable)
    return [_ended(process, end) for process in processes], printed


def _started(work: Callable[[int], Any], rank: int, count: int, port: int, pipe: tuple[int, int]) -> int:
    process = os.fork()
    if process == 0:
        os.close(pipe[0])
        os.environ |= environment(rank, count, port)
        call_and_exit(lambda: work(rank), pipe[1])
    return process


def environment(rank: int, count: int, port: int) -> dict[str, str]:
    """What `torchrun` tells a process."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    told = {name: str(number) for name, number in numbers.items()}
    return told | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "none"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _read(readable: int, end: float) -> str:
    """What comes until all have closed their end, or time is up."""
    printed = b""
    while select.select([readable], [], [], max(0.0, end - monotonic()))[0]:
        piece = os.read(readable, 65536)
        if not piece:
            break
        printed += piece
    return printed.decode()


def _ended(process: int, end: float) -> int:
    if monotonic() > end:
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
