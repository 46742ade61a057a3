"""Times that can be set side by side: taken in turns, with their spread, and with what they were taken on."""

import os
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import torch


def seconds(call: Callable[[], object], device: str = "cpu") -> float:
    """What a call takes: of time, or on one thread of a CPU of the processor, whatever else the machine does."""
    if device != "cpu":
        torch.cuda.synchronize()
    clock = process_time if device == "cpu" and torch.get_num_threads() == 1 else perf_counter
    start = clock()
    call()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - start


def alternating(measures: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Takes every measure once and forgets it, then `repeats` times, in turns.

    Every second round goes the other way, so that none always comes first.

    Example:
        >>> alternating({"one": lambda: 1.0, "two": lambda: 2.0}, repeats=2)
        {'one': [1.0, 1.0], 'two': [2.0, 2.0]}
    """
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for measure in measures.values():
        measure()
    for number in range(repeats):
        for name in list(measures)[:: -1 if number % 2 else 1]:
            taken[name].append(measures[name]())
    return taken


def spread(values: list[float]) -> str:
    """Median, least and greatest, as a table shows them.

    Example:
        >>> spread([0.51234, 0.4, 0.6]), spread([20400.0, 20000.0, 30000.0])
        ('0.512 [0.4, 0.6]', '20400 [20000, 30000]')
    """
    middle, low, high = (_figures(one) for one in (statistics.median(values), min(values), max(values)))
    return f"{middle} [{low}, {high}]"


def ratio(values: list[float], others: list[float]) -> str:
    """How many times `others` the values are, round by round.

    Example:
        >>> ratio([2.0, 4.0, 3.0], [1.0, 1.0, 1.0])
        '3 [2, 4]'
    """
    return spread([value / other for value, other in zip(values, others, strict=True)])


def machine() -> str:
    """The hardware that figures are from, and how many threads torch may use of it."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")]
    processor = models[0] if models else platform.processor() or platform.machine()
    if torch.cuda.is_available():
        processor += f", {torch.cuda.get_device_name()}"
    return f"{processor}, {os.cpu_count()} CPUs, torch {torch.__version__} with {torch.get_num_threads()} threads"


def _figures(value: float) -> str:
    """Three figures, none of them behind a power of ten."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{float(f'{value:.3g}'):g}"
