"""What a critter can be: the words for it, the draws from a sample's key, and which identities each split has.

All attributes are drawn independently of each other. The five of `IDENTITY` can be told by the reference alone;
captions tell all others.

Example:
    >>> keys = torch.tensor([11, 12, 13])
    >>> codes = draw_codes(keys, "train")
    >>> words(codes)[0]["hat"] in VALUES["hat"]
    True
"""

from functools import cache
from typing import Literal

import torch
from torch import Tensor

from dreaminpainter.randomness import integers, uniform

Split = Literal["train", "validation", "test"]
Codes = dict[str, Tensor]
"""Attribute name to (B,) int64, an index into `VALUES`."""

VALUES: dict[str, tuple[str, ...]] = {
    "body": ("bear", "egg", "cat", "block", "ghost", "bunny", "frog", "fluff"),
    "palette": ("coral", "teal", "violet", "mustard", "azure", "lime", "rose", "cocoa", "slate"),
    "pattern": ("plain", "stripes", "dots", "belly", "patches", "dipped", "bandit", "zigzag"),
    "eyes": ("beads", "round", "sleepy", "cyclops"),
    "marks": ("star", "heart", "scar", "anklets", "freckles", "crescent"),
    "hat": ("none", "top hat", "crown", "party hat", "woolly cap"),
    "mouth": ("smile", "open", "frown"),
    "pose": ("stand", "wave", "jump", "sit"),
    "ride": ("none", "skateboard", "drum", "boat", "log"),
    "place": ("meadow", "beach", "snowy hill", "desert", "city"),
    "weather": ("clear", "cloudy", "rain", "snow"),
    "time": ("day", "sunset", "night"),
}
IDENTITY = ("body", "palette", "pattern", "eyes", "marks")
TEXT = ("hat", "mouth", "pose", "ride")
SCENE = ("place", "weather", "time")

_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def draw_codes(keys: Tensor, split: Split) -> Codes:
    """The attributes of the samples `keys`; their identity is one of the split's own."""
    table = identities(split).to(keys.device)
    identity = table[integers(keys, 0, len(table), (1,), "critters identity")[:, 0]]
    codes = {name: identity[:, k] for k, name in enumerate(IDENTITY)}
    return codes | _draw(keys, TEXT + SCENE, "critters")


def redraw_look(codes: Codes, keys: Tensor) -> Codes:
    """The same identities with another hat, mouth and pose, drawn independently of those in `codes`."""
    return codes | _draw(keys, ("hat", "mouth", "pose"), "critters reference")


def words(codes: Codes) -> list[dict[str, str]]:
    """The attributes of each sample in words."""
    columns = [[VALUES[name][k] for k in code.tolist()] for name, code in codes.items()]
    return [dict(zip(codes, row, strict=True)) for row in zip(*columns, strict=True)]


@cache
def identities(split: Split) -> Tensor:
    """(V, 5) int64: the identities of a split, in the order of `IDENTITY`.

    A hash of the combination, the same for every seed, sends 80 % to training and 10 % each to validation and test.
    """
    combinations = torch.cartesian_prod(*(torch.arange(len(VALUES[name])) for name in IDENTITY))
    place = uniform(torch.arange(len(combinations)), (1,), "critters split of an identity")[:, 0]
    part = (place >= 0.8).long() + (place >= 0.9).long()
    return combinations[part == _SPLITS.index(split)]


def _draw(keys: Tensor, names: tuple[str, ...], stream: str) -> Codes:
    return {name: integers(keys, 0, len(VALUES[name]), (1,), f"{stream} {name}")[:, 0] for name in names}
