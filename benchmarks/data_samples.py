"""Making training samples: how many a second beside torchvision's CocoDetection, and what takes the time."""

import contextlib
import io
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler

from benchmarks.coco_detection import DetectionSamples
from benchmarks.statistics import table
from benchmarks.timing import alternating, ratio, spread
from dreaminpainter.data.captioning import ClassNameCaptioner
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.masking import LooseBoxMask
from dreaminpainter.data.references import FlipRotate
from dreaminpainter.data.sources import CocoSource
from dreaminpainter.data.store import PreparedSource, prepare

BATCH = 8
WORKERS = 2
STAGES = {
    "decode": "reading the row, decoding picture and mask",
    "frame": "mask degradation (none here), crop and resize of scene and mask",
    "mask": "the hole",
    "cut-out": "the reference cut out and resized",
    "augment": "the reference mirrored and turned",
    "caption": "the class's name as caption",
    "rest": "keys and putting the batch together",
}


def sample_making(coco: Path, split: str, size: int, samples: int, repeats: int) -> list[str]:
    """The section's text.

    Args:
        coco: a folder in COCO's layout.
        split: name of the pictures' folder.
        size: side of scenes and references in pixels.
        samples: how many samples make one measurement.
        repeats: how many measurements.
    """
    with TemporaryDirectory() as folder:
        ours = prepared(coco, split, size, samples, folder)
        theirs = detection(coco, split, size)
        rates = samples_a_second(ours, theirs, samples, repeats)
        taken = stages(ours, samples, repeats)
    rows = [[side, spread(found)] for side, found in rates.items()]
    total = [sum(shares) for shares in zip(*taken.values(), strict=True)]
    shares = [
        [
            STAGES[stage],
            spread([1000 * one / samples for one in found]),
            spread([100 * one / whole for one, whole in zip(found, total, strict=True)]),
        ]
        for stage, found in taken.items()
    ]
    return [
        f"{len(theirs)} objects of {len(theirs.pictures)} photographs of COCO's {split}; scenes and references of "
        f"{size} px, batches of {BATCH}, {WORKERS} loader processes of one thread, both warm; {repeats} times "
        f"{samples} samples in turns. *ours* reads prepared data, with `LooseBoxMask` and `FlipRotate`; "
        "*CocoDetection* is torchvision's data set with the same crops, loose boxes as holes, and the object on white, "
        "mirrored and turned by torchvision's transforms.",
        "",
        *table(["", "samples a second"], rows),
        "",
        f"Ours makes {ratio(*rates.values())} times as many. Where its time goes, in one process with one thread:",
        "",
        *table(["", "ms a sample", "%"], shares),
    ]


def prepared(coco: Path, split: str, size: int, samples: int, folder: str) -> InpaintingDataModule:
    """The objects, prepared in `folder`."""
    prepare(CocoSource(str(coco), split), Path(folder))
    source = PreparedSource(folder)
    return InpaintingDataModule(
        train={"coco": source},
        validation={"coco": source},
        height=size,
        width=size,
        reference_size=size,
        mask=LooseBoxMask(),
        captioner=ClassNameCaptioner(),
        augmentation=FlipRotate(),
        batch_size=BATCH,
        num_workers=WORKERS,
        samples_per_epoch=samples,
    )


def detection(coco: Path, split: str, size: int) -> DetectionSamples:
    """The objects as torchvision reads them."""
    with contextlib.redirect_stdout(io.StringIO()):
        return DetectionSamples(coco, split, size)


def samples_a_second(
    ours: InpaintingDataModule, theirs: DetectionSamples, samples: int, repeats: int
) -> dict[str, list[float]]:
    """Of both, measurement after measurement."""
    sampler = RandomSampler(theirs, replacement=True, num_samples=samples)
    loader: DataLoader[Any] = DataLoader(theirs, BATCH, sampler=sampler, num_workers=WORKERS, persistent_workers=True)
    ours_loader = ours.train_dataloader()
    measures = {"ours": lambda: _rate(ours_loader, samples), "CocoDetection": lambda: _rate(loader, samples)}
    return alternating(measures, repeats)


def stages(ours: InpaintingDataModule, samples: int, repeats: int) -> dict[str, list[float]]:
    """Seconds that each of `STAGES` takes of the time for `samples`, measurement after measurement."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    clock = _Clock()
    dataset, picks = ours.dataset(ours.train, ours.seed), list(islice(ours.train_dataloader().sampler, samples))
    maker = dataset.maker
    for stage, owner, name in (
        ("decode", dataset, "_load"),
        ("degrade", maker, "degraded"),
        ("scenes", maker, "scenes"),
        ("mask", maker, "mask"),
        ("references", maker, "references"),
        ("augment", maker, "augmentation"),
        ("caption", maker, "captioner"),
    ):
        setattr(owner, name, clock.timed(stage, getattr(owner, name)))
    taken: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for number in range(repeats + 1):
        clock.seconds.clear()
        start = perf_counter()
        for at in range(0, samples, BATCH):
            dataset.__getitems__(picks[at : at + BATCH])
        total, found = perf_counter() - start, dict(clock.seconds)
        found["frame"] = found.pop("degrade") + found.pop("scenes")
        found["cut-out"] = found.pop("references") - found["augment"]
        found["rest"] = total - sum(found.values())
        if number:
            for stage in STAGES:
                taken[stage].append(found[stage])
    torch.set_num_threads(threads)
    return taken


class _Clock:
    """Adds up the seconds spent in calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, its time added under `name`."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter()
            result = call(*args, **kwargs)
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
            return result

        return timed


def _rate(loader: Iterable[Any], samples: int) -> float:
    start = perf_counter()
    for _ in loader:
        pass
    return samples / (perf_counter() - start)
