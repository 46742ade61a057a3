"""One of several components for each sample, shared by mixtures of holes and of degradations."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform

MaskFunction = Callable[[Tensor, Tensor], Tensor]
"""From (B, 1, H, W) masks and (B,) keys to (B, 1, H, W) masks, each sample by itself."""


def checked_weights(owner: str, parts: str, count: int, weights: list[float] | None) -> list[float]:
    """The weights of `count` parts; equal where none are given.

    Raises:
        SettingError: there is no part, or the weights do not fit.
    """
    shares = [1.0] * count if weights is None else weights
    if not count or len(shares) != count or min(shares) < 0 or sum(shares) <= 0:
        raise SettingError(
            f"{owner} needs one or more {parts} and a weight of 0 or more for each, not all 0; it got {count} {parts} "
            f"and the weights {weights}."
        )
    return shares


def draw_choice(weights: list[float], key: Tensor, stream: str) -> Tensor:
    """(B,) int64 on the host: an index for each key, drawn by weight."""
    limits = torch.tensor(weights).cumsum(0)
    return torch.searchsorted(limits / limits[-1], uniform(key, (), stream), right=True)


def apply_chosen(parts: Sequence[MaskFunction], choice_B: Tensor, mask: Tensor, key: Tensor) -> Tensor:
    """Each sample's mask by the part that was chosen for it; every part is called once at most."""
    made = torch.empty_like(mask)
    for index in sorted(set(choice_B.tolist())):
        rows = (choice_B == index).nonzero().flatten()
        there = rows.to(mask.device)
        made[there] = parts[index](mask[there], key[rows])
    return made
