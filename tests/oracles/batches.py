"""Small batches to plan with."""

import torch

from dreaminpainter.types import Batch, Reference


def tiny_batch(count: int, *, first_key: int = 0, size: tuple[int, int] = (4, 6)) -> Batch:
    """`count` samples with keys from `first_key` on, each with a hole of its own."""
    keys = torch.arange(first_key, first_key + count) * 7919 + 13
    masks = torch.zeros(count, 1, *size)
    for row, key in enumerate(range(first_key, first_key + count)):
        masks[row, 0, key % size[0], : 1 + key % size[1]] = 1
    names = [str(key) for key in range(first_key, first_key + count)]
    return Batch(
        image=torch.zeros(count, 3, *size),
        mask=masks,
        reference=Reference(torch.ones(count, 3, *size), torch.ones(count, 1, *size), [""] * count),
        class_name=[f"class {name}" for name in names],
        caption=[f"caption {name}" for name in names],
        source=["drawn"] * count,
        id=names,
        key=keys,
    )
