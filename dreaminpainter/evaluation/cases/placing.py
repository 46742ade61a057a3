"""Where in a scene a subject may go: an object of it that is neither small nor all there is."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dreaminpainter.data.sources import ObjectFilter, SegmentationSource
from dreaminpainter.errors import InputError
from dreaminpainter.randomness import shuffled


@dataclass(frozen=True, eq=False)
class Place:
    """A scene with the object that is to go.

    Args:
        id: the object's, in its source.
        picture: (3, H, W) uint8.
        outline: (1, H, W) bool.
    """

    id: str
    picture: Tensor
    outline: Tensor


def places_in(scenes: SegmentationSource, count: int, key: int) -> Iterator[Place]:
    """Objects of `count` different pictures, each covering 2 to 50 % of its own; the same ones for the same key.

    Args:
        scenes: what is drawn from.
        count: how many.
        key: which ones.

    Raises:
        InputError: there are not so many.
    """
    keep = ObjectFilter(min_area=0.02, max_area=0.5)
    seen: set[str] = set()
    size = len(scenes)
    for number in range(size):
        index = int(shuffled(torch.tensor([number]), size, key))
        file = scenes.picture_of(index)
        picture = scenes.id_of(index) if file is None else str(file.path)
        if picture in seen:
            continue
        one = scenes[index]
        if keep.reason(area=float(one.mask.float().mean())) is None:
            seen.add(picture)
            yield Place(one.id, one.image, one.mask)
            if len(seen) == count:
                return
    raise InputError(
        f"{scenes.name} has {len(seen)} pictures with an object that covers 2 to 50 % of them, and {count} are asked "
        "for. Lower scenes_per_subject, or give another source."
    )
