"""Fills of `predict`, written into a folder."""

import json
import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import BasePredictionWriter
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from dreaminpainter.atomic import whole
from dreaminpainter.types import Batch
from dreaminpainter.visualization import to_image

PROMPTS = "prompts.jsonl"


class FillWriter(BasePredictionWriter):
    """Writes what `predict` returns as `{source}-{id}.png`, and a line a picture into `prompts.jsonl`.

    Args:
        folder: where to, `predictions/` in the run's folder where left out; made if it is not there. Files of the same
            names are overwritten.

    Example:
        >>> FillWriter("runs/predictions").folder, file_name("coco", "1234")
        ('runs/predictions', 'coco-1234.png')
    """

    def __init__(self, folder: str | None = None) -> None:
        super().__init__(write_interval="batch")
        self.folder = folder
        self._place = Path(folder or "predictions")

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._place = Path(self.folder or f"{trainer.default_root_dir}/predictions")
        if trainer.is_global_zero:
            self._place.mkdir(parents=True, exist_ok=True)
            (self._place / PROMPTS).write_text("")
        trainer.strategy.barrier("the folder is made")

    def write_on_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Writes one batch.

        Args:
            trainer: Lightning's.
            pl_module: the model.
            prediction: (B, 3, H, W) in [0, 1].
            batch_indices: not used.
            batch: whose holes were filled.
            batch_idx: not used.
            dataloader_idx: not used.
        """
        names = [file_name(source, id) for source, id in zip(batch.source, batch.id, strict=True)]
        fills: Tensor = prediction
        for name, fill in zip(names, fills, strict=True):
            with whole(self._place / name) as beside:
                to_image(fill).save(beside, "PNG")
        records = zip(names, batch.source, batch.id, batch.class_name, batch.caption, strict=True)
        keys = ("file", "source", "id", "class_name", "prompt")
        lines = [json.dumps(dict(zip(keys, record, strict=True)), ensure_ascii=False) + "\n" for record in records]
        # One write of whole lines, for processes that append at the same time.
        with (self._place / PROMPTS).open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.strategy.barrier("all fills are written")
        count = len((self._place / PROMPTS).read_text(encoding="utf-8").splitlines())
        rank_zero_info(f"{count} fills and their {PROMPTS} are in {self._place}")


def file_name(source: str, id: str) -> str:
    """A name that is legal on every system, and another one for every other pair of source and id.

    Names of lower-case letters, digits, `_` and `.` stay as they are; where something is changed or could be confused,
    a hash of the true names is appended.
    """
    if all(re.fullmatch(r"[a-z0-9_.]{1,80}", name) for name in (source, id)):
        return f"{source}-{id}.png"
    plain = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", name)[:80] for name in (source, id))
    digest = blake2b(f"{source}\x1f{id}".encode(), digest_size=5).hexdigest()
    return f"{plain}-{digest}.png"
