"""A tiny model of the real classes, with data in memory."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from torch.utils.data import DataLoader

from dreaminpainter.backbones import TinyBackbone
from dreaminpainter.module import DreamInpainter
from dreaminpainter.randomness import sample_key
from dreaminpainter.selection import CosineDistance
from dreaminpainter.types import Batch, Reference


def make_batch(first: int, count: int) -> Batch:
    """Samples `first` to `first + count`; each is a pure function of its number."""
    ids = [str(number) for number in range(first, first + count)]
    key = torch.tensor([sample_key(0, "drawn", id) for id in ids])
    generator = [torch.Generator().manual_seed(int(one) % 2**31) for one in key]
    image, reference = (torch.stack([torch.rand(3, 32, 32, generator=one) for one in generator]) for _ in range(2))
    mask = torch.zeros(count, 1, 32, 32)
    mask[:, :, 8:24, 8:20] = 1
    return Batch(
        image=image * 2 - 1,
        mask=mask,
        reference=Reference(reference * 2 - 1, torch.ones(count, 1, 32, 32), [""] * count),
        class_name=["critter"] * count,
        caption=[f"a critter with a hat, number {id}" for id in ids],
        source=["drawn"] * count,
        id=ids,
        key=key,
    )


@pytest.fixture
def loader() -> Callable[..., DataLoader[Any]]:
    """Makes loaders of `batches` batches with `size` samples each."""

    def make(batches: int, size: int = 2) -> DataLoader[Any]:
        samples = [make_batch(place * size, size) for place in range(batches)]
        return DataLoader(samples, batch_size=None)  # type: ignore[arg-type]

    return make


@pytest.fixture
def model() -> Callable[..., DreamInpainter]:
    """Makes equal tiny models."""

    def make(**settings: Any) -> DreamInpainter:
        seed_everything(0, verbose=False)
        settings = {"selector": CosineDistance(4), "image_size": (32, 32), "reference_size": 32, **settings}
        return DreamInpainter(TinyBackbone(channels=[32, 64]), **settings)

    return make


@pytest.fixture
def trainer(tmp_path: Any) -> Callable[..., Trainer]:
    """Makes quiet trainers on the CPU that write into the test's folder."""

    def make(*callbacks: pl.Callback, **settings: Any) -> Trainer:
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
        checkpoints = {"enable_checkpointing": any(isinstance(one, pl.callbacks.Checkpoint) for one in callbacks)}
        where = {"default_root_dir": tmp_path, "devices": 1}
        return Trainer(callbacks=list(callbacks), **{**quiet, **checkpoints, **where, **settings})

    return make
