"""Schedules by cases."""

import math


def linear(start: float, end: float, steps: int, step: int) -> float:
    if step <= 0:
        return start
    if step >= steps:
        return end
    return start + (end - start) * step / steps


def half_cosine(start: float, end: float, steps: int, step: int) -> float:
    if step <= 0:
        return start
    if step >= steps:
        return end
    return end + (start - end) * math.cos(math.pi * step / steps / 2) ** 2


def warmup_stable_decay(value: float, warmup: int, stable: int, decay: int, step: int) -> float:
    if step < warmup + stable:
        return linear(0, value, warmup, step)
    if step >= warmup + stable + decay:
        return 0
    return value - value * ((step - warmup - stable) / decay) ** 0.5
