"""What a fill costs."""

import time
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods import Method


@dataclass(frozen=True)
class Cost:
    """Of one fill, by itself.

    Args:
        seconds: by the clock, after one that warmed up.
        flops: floating point operations, by torch's counter: those of matrix products, convolutions and attention.
        peak_memory: bytes on the accelerator beyond what was there before; None on a CPU, where nothing counts them.
        device: where.
    """

    seconds: float
    flops: int
    peak_memory: int | None
    device: str


def cost_of(method: Method, problem: Problem) -> Cost:
    """Fills one problem three times: to warm up, to be timed, and to have its operations counted, which is slow."""
    on_cuda = torch.device(method.device).type == "cuda"
    method.fill([problem], seed=0)
    before = 0
    if on_cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    start = time.perf_counter()
    method.fill([problem], seed=0)
    if on_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    peak = torch.cuda.max_memory_allocated() - before if on_cuda else None
    with FlopCounterMode(display=False) as counter:
        method.fill([problem], seed=0)
    return Cost(seconds, counter.get_total_flops(), peak, method.device)
