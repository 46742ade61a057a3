"""Sources, merged and made into batches."""

from functools import partial
from hashlib import blake2b
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_info

from dreaminpainter.data.captioning import Captioner, DatasetCaptioner
from dreaminpainter.data.dataset import InpaintingDataset
from dreaminpainter.data.degradation import MaskDegradation, NoDegradation
from dreaminpainter.data.framing import Framing
from dreaminpainter.data.in_order import InOrder
from dreaminpainter.data.masking import LooseBoxMask, MaskGenerator
from dreaminpainter.data.references import NoAugmentation, ReferenceAugmentation, ReferenceBackground, White
from dreaminpainter.data.resuming import ResumableLoader
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sampling import Merged
from dreaminpainter.data.shards import ShardStream
from dreaminpainter.data.sizes import sizes_of, tell_what_is_left_out
from dreaminpainter.data.sources.base import SegmentationSource
from dreaminpainter.data.splitting import Division
from dreaminpainter.data.stream_loader import StreamLoader
from dreaminpainter.data.streaming import StreamedBatches
from dreaminpainter.errors import SettingError
from dreaminpainter.types import Batch

_FIXED_SEED = 0
"""Where the draws of validation and test samples start, whatever the run's seed, so that runs can be compared."""


class InpaintingDataModule(pl.LightningDataModule):
    """Batches for the method from any number of sources.

    Every draw of a sample starts from its key, made of seed, source, id and the number of passes over the source:
    the batches are the same for any number of workers, and an object that comes several times an epoch is cropped and
    masked anew each time.

    Args:
        train: sources to train on, by a name of your choice; {} where `streams` are given.
        validation: sources to validate on; their samples are the same each time. Where left out, a share of the
            training sources' pictures is held out for it; no picture is on both sides, whichever sources it is in.
        test: sources to test and predict on; those of `validation` where left out.
        streams: in place of `train`, shards to train on as they are read; `validation` has to be given then.
        weights: share of each training source, relative to each other; by size where left out, 1 for a source that is
            not named, 0 leaves a source out.
        validation_share: of the training sources' pictures that are held out where `validation` is left out.
        height: height of the scenes in pixels, divisible by what the model asks for.
        width: width of the scenes in pixels, likewise.
        reference_size: side of the square references in pixels.
        mask: makes holes from objects; `LooseBoxMask` where left out.
        captioner: describes whole pictures; `DatasetCaptioner` where left out.
        augmentation: changes references; `NoAugmentation` where left out.
        framing: crops scenes around their objects; `Framing` with its defaults where left out.
        background: what lies behind the subject of a reference; `White` where left out.
        degradation: makes the outlines of objects worse, to study what that costs; `NoDegradation` where left out.
        batch_size: samples a step and process.
        num_workers: loader processes; 0 loads in the training process.
        samples_per_epoch: length of an epoch, made longer to whole optimizer steps; the number of instances where left
            out. The next epoch goes on where it ended, so nothing is left out.
        validation_samples: how many samples of the validation and test sources to use; all where left out.
        seed: where every draw starts; the command takes it from `seed_everything`.

    Raises:
        SettingError: a size or number is out of range.
    """

    def __init__(
        self,
        train: dict[str, SegmentationSource],
        validation: dict[str, SegmentationSource] | None = None,
        test: dict[str, SegmentationSource] | None = None,
        streams: dict[str, ShardStream] | None = None,
        weights: dict[str, float] | None = None,
        validation_share: float = 0.05,
        height: int = 512,
        width: int = 512,
        reference_size: int = 512,
        mask: MaskGenerator | None = None,
        captioner: Captioner | None = None,
        augmentation: ReferenceAugmentation | None = None,
        framing: Framing | None = None,
        background: ReferenceBackground | None = None,
        degradation: MaskDegradation | None = None,
        batch_size: int = 8,
        num_workers: int = 2,
        samples_per_epoch: int | None = None,
        validation_samples: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if bool(train) == bool(streams):
            raise SettingError("Give data.train, or data.streams in its place: what to train on, and one of the two.")
        if train and validation is None:
            division = Division(train, validation_share)
            train, validation = division.sides("train"), division.sides("validation")
        if validation is None:
            raise SettingError(
                "data.validation is missing: nothing can be held out of data.streams, which are not read whole."
            )
        self.train = train
        self.validation = validation
        self.test = test or validation
        self.streams = streams or {}
        self.weights = weights
        self.height = height
        self.width = width
        self.reference_size = reference_size
        self.mask = mask or LooseBoxMask()
        self.captioner = captioner or DatasetCaptioner()
        self.augmentation = augmentation or NoAugmentation()
        self.framing = framing or Framing()
        self.background = background or White()
        self.degradation = degradation or NoDegradation()
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.samples_per_epoch = samples_per_epoch
        self.validation_samples = validation_samples
        self.seed = seed

        least = {
            **dict.fromkeys(("height", "width", "reference_size", "batch_size"), 1),
            **dict.fromkeys(("samples_per_epoch", "validation_samples"), 1),
            "num_workers": 0,
        }
        for name, low in least.items():
            if getattr(self, name) is not None and getattr(self, name) < low:
                raise SettingError(f"data.{name} is {getattr(self, name)}. Set it to {low} or more.")

    def train_dataloader(self) -> ResumableLoader | StreamLoader:
        """Shuffled and merged by weight."""
        return self._streaming() if self.streams else self._merging()

    def _streaming(self) -> StreamLoader:
        rank, world_size = self._place()
        if world_size > 1 and self.samples_per_epoch is None:
            raise SettingError(
                "Streams of several processes end at different times, and the others would wait for ever. Set "
                "data.samples_per_epoch."
            )
        samples = None if self.samples_per_epoch is None else self._enough(self.samples_per_epoch // world_size)
        batches = StreamedBatches(
            self.streams,
            self.weights,
            self.maker(self.seed),
            self.batch_size,
            endless=samples is not None,
            rank=rank,
            world_size=world_size,
        )
        num_workers = min(self.num_workers, batches.shards())
        if num_workers < self.num_workers:
            rank_zero_info(
                f"data.streams: {num_workers} loader workers read, not {self.num_workers}, since no stream has more "
                "files for a process. Write smaller files for more of them."
            )
        epoch = partial(_epoch, self.trainer) if self.trainer else None
        return StreamLoader(batches, self._length(samples), epoch, **self._settings(num_workers))

    def _length(self, samples: int | None) -> int | None:
        """Batches of an epoch of so many samples a process; None where that is up to the stream."""
        limit = self.trainer.limit_train_batches if self.trainer else None
        lengths = [] if samples is None else [samples // self.batch_size]
        return min([*lengths, limit] if isinstance(limit, int) else lengths, default=None)

    def order(self) -> Merged:
        """The order of training.

        Raises:
            SettingError: the weights make no sense, or an epoch is shorter than a batch.
        """
        per_step = self.batch_size * (self.trainer.accumulate_grad_batches if self.trainer else 1)
        sampler = Merged(
            sizes_of(self.train), self.weights, self.samples_per_epoch, self.seed, *self._place(), per_step
        )
        self._enough(sampler.samples_per_epoch // sampler.world_size)
        return sampler

    def _enough(self, samples: int) -> int:
        """The samples that an epoch has of each process; less than a batch of them are refused."""
        if samples < self.batch_size:
            raise SettingError(
                f"An epoch has {samples} samples a process and data.batch_size is {self.batch_size}: it is shorter "
                "than a batch. Lower the batch size, or raise data.samples_per_epoch."
            )
        return samples

    def _merging(self) -> ResumableLoader:
        order = self.order()
        for name, source in self.train.items():
            tell_what_is_left_out(name, source)
        return ResumableLoader(
            self.dataset(self.train, self.seed),
            sampler=order,
            drop_last=True,
            batch_size=self.batch_size,
            **self._settings(self.num_workers),
        )

    def val_dataloader(self) -> torch.utils.data.DataLoader[Batch]:
        """The validation samples in order."""
        return self._in_order(self.validation)

    def test_dataloader(self) -> torch.utils.data.DataLoader[Batch]:
        """The test samples in order."""
        return self._in_order(self.test)

    def predict_dataloader(self) -> torch.utils.data.DataLoader[Batch]:
        """As for test."""
        return self._in_order(self.test)

    def dataset(self, sources: dict[str, SegmentationSource], seed: int) -> InpaintingDataset:
        """Batches of `sources` under this module's settings, every draw of them starting from `seed`."""
        return InpaintingDataset(sources, self.maker(seed))

    def maker(self, seed: int) -> SampleMaker:
        """Makes samples under this module's settings."""
        return SampleMaker(
            size=(self.height, self.width),
            reference_size=self.reference_size,
            mask=self.mask,
            captioner=self.captioner,
            augmentation=self.augmentation,
            framing=self.framing,
            background=self.background,
            degradation=self.degradation,
            seed=seed,
        )

    def manifest_hash(self) -> str:
        """Identifies the training data by kind and ids of its instances, wherever it lies; kept in checkpoints."""
        digest = blake2b(digest_size=16)
        sources: dict[str, SegmentationSource | ShardStream] = {**self.train, **self.streams}
        for name, source in sorted(sources.items()):
            digest.update(f"{name} {source.fingerprint()} {self.weights}\n".encode())
        return digest.hexdigest()

    def _in_order(self, sources: dict[str, SegmentationSource]) -> torch.utils.data.DataLoader[Batch]:
        batches = InOrder(sizes_of(sources), self.batch_size, self.validation_samples, *self._place())
        dataset = self.dataset(sources, _FIXED_SEED)
        return torch.utils.data.DataLoader(
            dataset,
            sampler=batches,
            batch_size=None,
            **self._settings(self.num_workers),
        )

    def _settings(self, num_workers: int) -> dict[str, Any]:
        return {
            "num_workers": num_workers,
            "collate_fn": _as_made,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": num_workers > 0,
        }

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


def _epoch(trainer: pl.Trainer) -> int:
    """The number of the epoch that is under way or begins, from which Lightning's samplers hear too."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return int(progress.processed)


def _as_made(batch: Batch) -> Batch:
    return batch
