"""Captions for a whole source through Lightning's Trainer, written as they are made.

Example:
    >>> import tempfile
    >>> from dreaminpainter.data.captioning import ClassNameCaptioner
    >>> from dreaminpainter.data.sources import CrittersSource
    >>> quiet = {"enable_progress_bar": False, "accelerator": "cpu"}
    >>> source, folder = CrittersSource(size=32, count=2), tempfile.mkdtemp()
    >>> report = write_captions(source, folder, ClassNameCaptioner(), **quiet)
    >>> report.written, StoredCaptions(folder).of(source.id_of(1))[0].text
    ({'picture': 2, 'object': 2}, 'a photo of a critter')
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import BasePredictionWriter
from torch.utils.data import DataLoader

from dreaminpainter.data.captioning.base import Captioner
from dreaminpainter.data.captioning.views import View, ViewBatch, Views, crop, open_tasks
from dreaminpainter.data.sources.base import Caption, SegmentationSource
from dreaminpainter.data.store.captions import KINDS, CaptionShards, Kind, Named, StoredCaptions
from dreaminpainter.errors import SettingError


@dataclass(frozen=True)
class Report:
    """What came of it, over all processes.

    Args:
        before: how many captions of each kind there were of this captioner.
        written: how many captions of each kind there are now in addition.
        damage: of each picture that could not be read, why.
    """

    before: dict[Kind, int]
    written: dict[Kind, int]
    damage: list[str]


def write_captions(
    source: SegmentationSource,
    folder: str | os.PathLike[str],
    captioner: Captioner,
    batch_size: int = 16,
    num_workers: int = 0,
    **trainer: Any,
) -> Report:
    """Captions every whole picture and every object's crop that this captioner has not captioned yet.

    Each batch is written before the next one is made. What cannot be read is left out and told.

    Args:
        source: the instances.
        folder: of the captions.
        captioner: makes them, and signs them with its `signed`.
        batch_size: how many objects are read at once. Their crops go through the captioner together, and so do those of
            their whole pictures that are still to be captioned.
        num_workers: processes that read pictures; 0 reads them in this one.
        trainer: settings of Lightning's `Trainer`, such as `devices` or `precision`.

    Raises:
        SettingError: a number is out of range.
    """
    if batch_size < 1 or num_workers < 0:
        raise SettingError(f"batch_size is {batch_size} and num_workers {num_workers}; give 1 or more, and 0 or more.")
    # Here and not in a hook: no process writes before all have come together, so all find the same left to do.
    captions = StoredCaptions(folder)
    tasks = open_tasks(source, captioner, captions)
    before = {of: len(source) - sum(len(task.ids[of]) for task in tasks) for of in KINDS}
    if not tasks:
        return Report(before, dict.fromkeys(KINDS, 0), [])
    writer = CaptionWriter(folder)
    runner = pl.Trainer(callbacks=[writer], logger=False, enable_checkpointing=False, **trainer)
    loader = DataLoader(Views(source, tasks), batch_size, num_workers=num_workers, collate_fn=ViewBatch)
    runner.predict(CaptioningModule(captioner), loader, return_predictions=False)
    return Report(before, writer.written, writer.damage)


class CaptioningModule(pl.LightningModule):
    """A captioner as Lightning runs it.

    Args:
        captioner: makes the captions.
    """

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.captioner = captioner

    def configure_model(self) -> None:
        """Reads the networks, so that they are there when Lightning moves and converts the module."""
        self.captioner.load()

    def predict_step(self, batch: ViewBatch, batch_idx: int = 0) -> list[Named]:
        """The captions of a batch, by id.

        Args:
            batch: what to caption; what could not be read is passed over.
            batch_idx: not used.
        """
        return [named for of in KINDS for named in self._captions(of, batch.views)]

    def _captions(self, of: Kind, views: list[View]) -> list[Named]:
        wanted = [(ids, view.instance) for view in views if view.instance and (ids := view.task.ids[of])]
        if not wanted:
            return []
        instances = [instance for _, instance in wanted]
        images = [crop(one) if of == "object" else one.image for one in instances]
        texts: list[str] = self.captioner(images, instances)
        by = self.captioner.signed
        return [(id, Caption(text, of, by)) for (ids, _), text in zip(wanted, texts, strict=True) for id in ids]


class CaptionWriter(BasePredictionWriter):
    """Writes each batch of captions into shards of its own process; in the end, its counts are those of all processes.

    Args:
        folder: of the captions.
    """

    _shards: CaptionShards

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(write_interval="batch")
        self.folder = folder
        self.written: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self.damage: list[str] = []

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._shards = CaptionShards(self.folder, rank=trainer.global_rank)
        trainer.strategy.barrier("every process has named its shards")

    def write_on_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: ViewBatch,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Writes one batch.

        Args:
            trainer: Lightning's.
            pl_module: not used.
            prediction: captions by id.
            batch_indices: not used.
            batch: what they are of; what could not be read is noted.
            batch_idx: not used.
            dataloader_idx: not used.
        """
        captions: list[Named] = prediction
        if captions:
            self._shards.write(captions)
        for _, caption in captions:
            self.written[caption.of] += 1
        self.damage += [view.damage for view in batch.views if view.instance is None]

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts the shards together, and every process's counts."""
        self._shards.close()
        parts: list[Any] = [(self.written, self.damage)]
        if trainer.world_size > 1:
            parts *= trainer.world_size
            torch.distributed.all_gather_object(parts, (self.written, self.damage))
        self.written = {of: sum(written[of] for written, _ in parts) for of in KINDS}
        # Objects of one picture tell of the same damage.
        self.damage = list(dict.fromkeys(text for _, damage in parts for text in damage))
