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
