"""Object masks and keys for the tests of holes and degradations."""

import torch
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.randomness import bits


def keys(count: int, seed: int = 0) -> Tensor:
    return bits(torch.tensor([seed]), count, "test")[0]


def blob(height: int, width: int, box: tuple[int, int, int, int]) -> Tensor:
    """(1, 1, height, width): a filled box."""
    mask = torch.zeros(1, 1, height, width)
    left, top, right, bottom = box
    mask[..., top:bottom, left:right] = 1
    return mask


def ellipse(size: int, x: float, y: float, across: float, down: float) -> Tensor:
    """(1, 1, size, size): a filled ellipse around (x, y) of these half axes."""
    place = torch.arange(size)
    return (((place - x) / across) ** 2 + ((place[:, None] - y) / down) ** 2 <= 1).float()[None, None]


@st.composite
def object_masks(draw: st.DrawFn) -> Tensor:
    """Scattered pixels and boxes anywhere, never none, in one to four pictures."""
    count, height, width = draw(st.integers(1, 4)), draw(st.integers(1, 24)), draw(st.integers(1, 24))
    mask = torch.zeros(count, 1, height, width)
    for sample in mask:
        for _ in range(draw(st.integers(1, 4))):
            y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            sample[0, y : y + draw(st.integers(1, 6)), x : x + draw(st.integers(1, 6))] = 1
    return mask
