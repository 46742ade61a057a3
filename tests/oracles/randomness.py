"""SplitMix64 (Steele, Lea & Flood 2014) over Python's unbounded integers, one number at a time."""

import math

_ALL = 2**64 - 1


def finalized(value: int) -> int:
    """The finalizer; `value` and the result are unsigned 64-bit numbers."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _ALL
    return value ^ (value >> 31)


def bits(key: int, offset: int, count: int) -> list[int]:
    """`count` unsigned 64-bit numbers for one key; `offset` stands for the stream's name."""
    state = finalized((key & _ALL) ^ offset)
    numbers = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & _ALL
        numbers.append(finalized(state))
    return numbers


def uniform(number: int) -> float:
    """The upper 24 of 64 bits as a fraction."""
    return (number >> 40) / 2**24


def normal_pair(first: float, second: float) -> tuple[float, float]:
    """Box and Muller's transform of two uniform numbers."""
    radius = math.sqrt(-2 * math.log(1 - first))
    return radius * math.cos(2 * math.pi * second), radius * math.sin(2 * math.pi * second)
