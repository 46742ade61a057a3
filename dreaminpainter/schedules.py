"""Numbers that change over the global step."""

import math
from abc import ABC, abstractmethod

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError


class Schedule(Component, ABC):
    """A number for every global step."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """The value at `step`, counted in optimizer steps from 0."""


class Constant(Schedule):
    """The same value at every step.

    Args:
        value: that value.

    Example:
        >>> Constant(0.2)(1000)
        0.2
    """

    def __init__(self, value: float) -> None:
        _check_finite(value=value)
        self.value = value

    def __call__(self, step: int) -> float:
        return self.value


class Linear(Schedule):
    """From one value to another in a straight line, constant before and after.

    Args:
        start: the value at step 0 and before.
        end: the value at step `steps` and after.
        steps: how long the way is, at least 1.

    Example:
        >>> schedule = Linear(start=0.0, end=0.4, steps=100)
        >>> schedule(0), schedule(50), schedule(1000)
        (0.0, 0.2, 0.4)
    """

    def __init__(self, start: float, end: float, steps: int) -> None:
        _check_finite(start=start, end=end)
        _check_steps(steps)
        self.start = start
        self.end = end
        self.steps = steps

    def __call__(self, step: int) -> float:
        return _between(self.start, self.end, _share(step, self.steps))


class Cosine(Schedule):
    """From one value to another along half a cosine wave, level at both ends, constant before and after.

    Args:
        start: the value at step 0 and before.
        end: the value at step `steps` and after.
        steps: how long the way is, at least 1.

    Example:
        >>> schedule = Cosine(start=1.0, end=0.0, steps=100)
        >>> schedule(0), round(schedule(50), 6), schedule(100)
        (1.0, 0.5, 0.0)
    """

    def __init__(self, start: float, end: float, steps: int) -> None:
        _check_finite(start=start, end=end)
        _check_steps(steps)
        self.start = start
        self.end = end
        self.steps = steps

    def __call__(self, step: int) -> float:
        return _between(self.start, self.end, (1 - math.cos(math.pi * _share(step, self.steps))) / 2)


class Warmup(Schedule):
    """From 0 to a value in a straight line, then constant.

    Args:
        value: the value at step `steps` and after.
        steps: how long the warm-up is, at least 1.

    Example:
        >>> schedule = Warmup(value=0.2, steps=10)
        >>> schedule(0), schedule(5), schedule(10)
        (0.0, 0.1, 0.2)
    """

    def __init__(self, value: float, steps: int) -> None:
        _check_finite(value=value)
        _check_steps(steps)
        self.value = value
        self.steps = steps

    def __call__(self, step: int) -> float:
        return _between(0.0, self.value, _share(step, self.steps))


class WarmupCosine(Schedule):
    """From 0 to a value in a straight line, then down to 0 along half a cosine wave.

    Args:
        value: the value at the end of the warm-up.
        warmup_steps: how long the warm-up is, at least 1.
        steps: where 0 is reached again, counted from the start; more than `warmup_steps`.

    Example:
        >>> schedule = WarmupCosine(value=1.0, warmup_steps=10, steps=110)
        >>> schedule(5), schedule(10), round(schedule(60), 6), schedule(110)
        (0.5, 1.0, 0.5, 0.0)
    """

    def __init__(self, value: float, warmup_steps: int, steps: int) -> None:
        _check_finite(value=value)
        _check_steps(warmup_steps)
        if steps <= warmup_steps:
            raise SettingError(f"A schedule's steps is {steps}. Set it to more than its warm-up of {warmup_steps}.")
        self.value = value
        self.warmup_steps = warmup_steps
        self.steps = steps

    def __call__(self, step: int) -> float:
        rising = Warmup(self.value, self.warmup_steps)
        falling = Cosine(self.value, 0.0, self.steps - self.warmup_steps)
        return rising(step) if step < self.warmup_steps else falling(step - self.warmup_steps)


class WarmupStableDecay(Schedule):
    """From 0 to a value in a straight line, then constant, then down to 0 as 1 - sqrt of the way.

    A training can be made longer from any checkpoint of the constant part. Hu et al. 2024 (arXiv 2404.06395) named it;
    the way down is that of Hägele et al. 2024 (arXiv 2405.18392).

    Args:
        value: the value at the end of the warm-up.
        warmup_steps: how long the warm-up is, at least 1.
        decay_steps: how long the way down is, at least 1.
        steps: where 0 is reached again, counted from the start; at least both of these together.

    Example:
        >>> schedule = WarmupStableDecay(value=1.0, warmup_steps=10, decay_steps=100, steps=200)
        >>> schedule(5), schedule(10), schedule(100), schedule(125), schedule(200)
        (0.5, 1.0, 1.0, 0.5, 0.0)
    """

    def __init__(self, value: float, warmup_steps: int, decay_steps: int, steps: int) -> None:
        _check_finite(value=value)
        _check_steps(warmup_steps)
        _check_steps(decay_steps)
        if steps < warmup_steps + decay_steps:
            raise SettingError(
                f"A schedule's steps is {steps}. Set it to at least its warm-up of {warmup_steps} and its decay of "
                f"{decay_steps} together."
            )
        self.value = value
        self.warmup_steps = warmup_steps
        self.decay_steps = decay_steps
        self.steps = steps

    def __call__(self, step: int) -> float:
        left = 1 - math.sqrt(_share(step - (self.steps - self.decay_steps), self.decay_steps))
        return Warmup(self.value, self.warmup_steps)(step) * left


def _share(step: int, steps: int) -> float:
    """How much of the way is done, 0 to 1."""
    return min(max(step / steps, 0.0), 1.0)


def _between(start: float, end: float, share: float) -> float:
    """Exact at both ends."""
    return (1 - share) * start + share * end


def _check_finite(**values: float) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise SettingError(f"A schedule's {name} is {value}. Set it to a finite number.")


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise SettingError(f"A schedule's steps is {steps}. Set it to 1 or more, or use Constant for a fixed value.")
