from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader

from dreaminpainter import __version__
from dreaminpainter.callbacks import Provenance


class Known(pl.LightningDataModule):
    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__()
        self.loader = loader

    def train_dataloader(self) -> DataLoader[Any]:
        return self.loader

    def manifest_hash(self) -> str:
        return "0123abcd"


def saved(trainer: Any, model: Any, data: Any, folder: Path, *callbacks: pl.Callback) -> dict[str, Any]:
    loops = trainer(*callbacks, max_steps=2)
    loops.fit(model(), data)
    loops.save_checkpoint(folder / "trained.ckpt")
    return torch.load(folder / "trained.ckpt", weights_only=True)["provenance"]


def test_a_checkpoint_tells_what_it_came_from(trainer: Any, model: Any, loader: Any, tmp_path: Path) -> None:
    config = "seed_everything: 0\nmodel:\n  text_dropout: 0.1\n"
    provenance = saved(trainer, model, Known(loader(2)), tmp_path, Provenance(config))
    assert (provenance["config"], provenance["data"], provenance["step"]) == (config, "0123abcd", 2)
    assert provenance["versions"]["torch"] == torch.__version__.split("+")[0]
    assert provenance["versions"]["dreaminpainter"] == __version__
    age = datetime.now(UTC) - datetime.fromisoformat(provenance["time"])
    assert timedelta() <= age + timedelta(seconds=1) < timedelta(minutes=5)


def test_what_is_not_known_is_left_empty(trainer: Any, model: Any, loader: Any, tmp_path: Path) -> None:
    provenance = saved(trainer, model, loader(2), tmp_path, Provenance())
    assert (provenance["config"], provenance["data"]) == ({}, None)
