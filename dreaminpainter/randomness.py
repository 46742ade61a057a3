"""Random numbers that are a pure function of a key.

Every random draw of a sample (crop, mask, noise, timestep, plan) starts from the sample's key and the name of the
draw, never from a global stream. So the samples are the same for any number of workers or ranks, and a run that
continues needs no state of a generator. The numbers come from the SplitMix64 finalizer (Steele, Lea & Flood 2014)
over a counter, computed in int64 on whatever device the key is on.

Example:
    >>> key = sample_key(0, "coco", "1234", epoch=3)
    >>> keys = torch.tensor([key, key])
    >>> noise = normal(keys, (4, 8, 8), "noise")
    >>> noise.shape, bool((noise[0] == noise[1]).all())
    (torch.Size([2, 4, 8, 8]), True)
"""

import math
from hashlib import blake2b

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64


def sample_key(seed: int, *names: str, epoch: int = 0) -> int:
    """The 63-bit key of a sample, or of a named draw: a hash of seed, epoch and names.

    Args:
        seed: the run's seed.
        names: what the key is for, such as source and sample id.
        epoch: 0 for everything that must not change between epochs.
    """
    text = "\x1f".join((str(seed), str(epoch), *names))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def bits(keys: Tensor, count: int, stream: str) -> Tensor:
    """(B, count) int64, all 64 bits random.

    Args:
        keys: (B,) int64.
        count: how many numbers a key.
        stream: the name of the draw; different names give independent numbers.
    """
    offset = sample_key(0, stream)
    counter = torch.arange(1, count + 1, device=keys.device, dtype=torch.int64)
    start_B1 = _mix(keys[:, None] ^ offset)
    return _mix(start_B1 + counter * _GOLDEN)


def uniform(keys: Tensor, shape: tuple[int, ...], stream: str) -> Tensor:
    """(B, *shape) float32, uniform in [0, 1); the arguments are those of `bits`."""
    count = math.prod(shape)
    mantissa = (bits(keys, count, stream) >> 40) & 0xFFFFFF
    return (mantissa.float() * 2.0**-24).reshape(len(keys), *shape)


def normal(keys: Tensor, shape: tuple[int, ...], stream: str) -> Tensor:
    """(B, *shape) float32, standard normal by Box and Muller's transform; the arguments are those of `bits`."""
    count = math.prod(shape)
    half = (count + 1) // 2
    flat = uniform(keys, (2, half), stream)
    radius = torch.sqrt(-2.0 * torch.log1p(-flat[:, 0]))
    angle = 2.0 * math.pi * flat[:, 1]
    pair = torch.stack((radius * torch.cos(angle), radius * torch.sin(angle)), dim=2)
    return pair.reshape(len(keys), -1)[:, :count].reshape(len(keys), *shape)


def integers(keys: Tensor, low: int, high: int, shape: tuple[int, ...], stream: str) -> Tensor:
    """(B, *shape) int64, uniform in [low, high) for ranges up to 2**24."""
    return low + (uniform(keys, shape, stream) * (high - low)).long().clamp(max=high - low - 1)


def shuffled(places: Tensor, size: int, key: int) -> Tensor:
    """(n,) int64: what stands at these places of a shuffled range(size), without shuffling it.

    A Feistel network of six rounds permutes the next power of four; places that land beyond the range are sent through
    it again until they do not, which happens less than four times on average (Black & Rogaway 2002). So neither time
    nor memory grows with the size.

    Args:
        places: (n,) int64, each 0 to size - 1; all places together give each number once.
        size: 1 or more.
        key: which order it is.

    Example:
        >>> sorted(shuffled(torch.arange(5), 5, key=3).tolist())
        [0, 1, 2, 3, 4]
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    found = _permuted(places, half, key)
    outside = found >= size
    while outside.any():
        found = torch.where(outside, _permuted(found, half, key), found)
        outside = found >= size
    return found


def _permuted(numbers: Tensor, half: int, key: int) -> Tensor:
    """A permutation of the numbers of 2 * half bits."""
    low_bits = (1 << half) - 1
    left, right = numbers >> half, numbers & low_bits
    for round_ in range(6):
        salt = torch.tensor(sample_key(key, "shuffle", epoch=round_))
        left, right = right, left ^ (_mix(right * _GOLDEN + salt) & low_bits)
    return (left << half) | right


def _mix(value: Tensor) -> Tensor:
    value = (value ^ _shift(value, 30)) * _MIX_1
    value = (value ^ _shift(value, 27)) * _MIX_2
    return value ^ _shift(value, 31)


def _shift(value: Tensor, places: int) -> Tensor:
    """A logical right shift; torch's own keeps the sign."""
    return (value >> places) & ((1 << (64 - places)) - 1)
