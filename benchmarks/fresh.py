"""Work done in a process of its own, with what it took: the memory of one measurement is not that of the next.

Such a process has its modules imported and has done nothing else. Linux only, where a process can read its memory.
"""

import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
_MODULES = ["benchmarks.contestants", "benchmarks.data_openers", "benchmarks.data_pickers", "benchmarks.selection"]
"""Where the work is; imported once, in the process that the fresh ones are copies of."""


@dataclass(frozen=True)
class Reading:
    """What was taken since a gauge began; megabytes of 1,000,000 bytes.

    Args:
        seconds: of time.
        own: megabytes of memory that are the process's own.
        mapped: megabytes of mapped files that were looked at. They are the system's cache of these files, shared by all
            processes, and given up when memory runs short.
        peak: megabytes of both together, the most at any time.
    """

    seconds: float
    own: float
    mapped: float
    peak: float


class Gauge:
    """Begins to measure this process when it is made."""

    def __init__(self) -> None:
        self._own, self._mapped = _resident()
        self._start = perf_counter()

    def read(self) -> Reading:
        """What was taken so far. The peak is that of the process, so it means something in a fresh one alone."""
        seconds = perf_counter() - self._start
        own, mapped = _resident()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - self._own - self._mapped
        return Reading(seconds, (own - self._own) / 1e6, (mapped - self._mapped) / 1e6, peak / 1e6)


def in_fresh_process(work: Callable[..., T], *arguments: object) -> T:
    """What `work` returns; it is a function of a module, and can be pickled as its arguments can."""
    with ProcessPoolExecutor(1, mp_context=_context()) as pool:
        return pool.submit(work, *arguments).result()


@cache
def _context() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(_MODULES)
    return context


def _resident() -> tuple[int, int]:
    """Bytes of the process's own, and of mapped files."""
    whole, mapped = (int(pages) for pages in Path("/proc/self/statm").read_text(encoding="ascii").split()[1:3])
    return (whole - mapped) * resource.getpagesize(), mapped * resource.getpagesize()
