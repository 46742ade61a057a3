"""A fit to be killed: the smallest networks, loader workers, accumulation, two sources merged by weight."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from benchmarks.killing import Struck
from dreaminpainter.cli import main
from dreaminpainter.commands import training
from dreaminpainter.types import Batch

_CRITTERS = "{class_path: CrittersSource, init_args: {size: 32, reference_size: 64, supersample: 1, count: %d}}"
_SETTINGS = {
    "model.init_from": "null",
    "model.backbone.class_path": "TinyBackbone",
    "model.backbone.init_args.autoencoder": "null",
    "model.backbone.init_args.channels": "[32,64]",
    "model.backbone.init_args.text_width": 32,
    "model.backbone.init_args.text_layers": 1,
    "model.extractor.init_args.block": 1,
    "model.selector.init_args.k": 4,
    "model.lr_schedule.class_path": "Cosine",
    "model.lr_schedule.init_args": "{start: 1.0, end: 0.1, steps: 24}",
    "data.train": f"{{many: {_CRITTERS % 50}, few: {_CRITTERS % 7}}}",
    "data.weights": "{many: 2.0, few: 1.0}",
    "data.validation": f"{{critters: {_CRITTERS % 6}}}",
    "data.height": 32,
    "data.width": 32,
    "data.reference_size": 64,
    "data.batch_size": 2,
    "data.num_workers": 2,
    "data.samples_per_epoch": 22,
    "data.augmentation": "FlipRotate",
    "pictures.num_inference_steps": 1,
    "pictures.count": 1,
    "pictures.every_n_steps": 7,
    "trainer.accelerator": "cpu",
    "trainer.max_epochs": -1,
    "trainer.max_steps": 24,
    "trainer.max_time": "null",
    "trainer.accumulate_grad_batches": 2,
    "trainer.log_every_n_steps": 3,
    "trainer.val_check_interval": 7,
    "trainer.enable_progress_bar": "false",
    "trainer.enable_model_summary": "false",
    "checkpoint.every_n_train_steps": 2,
    "checkpoint.save_top_k": 1,
}


class Witness(pl.Callback):
    """Tells where a fit is, and writes down which samples it was given."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self.samples = folder / "samples.txt"
        self.tell = tell

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Batch, batch_idx: int) -> None:
        self.tell("a step")
        line = f"{trainer.current_epoch} {batch_idx} {batch.source} {batch.id} {batch.key.tolist()}\n"
        with self.samples.open("a", encoding="utf-8") as file:
            file.write(line)

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        self.tell("a validation")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        self.tell("a step")

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
        self.tell("the writing of a checkpoint")


class WatchedCLI(training.DreamInpainterCLI):
    """`fit` with a witness."""

    witness: Witness

    def before_fit(self) -> None:
        super().before_fit()
        self.trainer.callbacks.insert(0, self.witness)


class Fit:
    """A fit of 24 steps."""

    name = "fit"

    def run(self, folder: Path, tell: Callable[[str], None]) -> int:
        """Starts the fit, or goes on with it."""
        torch.set_num_threads(1)
        number = len(list(folder.glob("logs*")))
        where = {
            "trainer.default_root_dir": folder,
            "trainer.logger": "CSVLogger",
            "trainer.logger.init_args.save_dir": folder / f"logs{number}",
            "trainer.logger.init_args.name": "",
            "trainer.logger.init_args.version": "",
        }
        (folder / f"logs{number}").mkdir()
        WatchedCLI.witness = Witness(folder, tell)
        training.DreamInpainterCLI = WatchedCLI  # type: ignore[misc]
        settings = _SETTINGS | where
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        return main(["fit", "--config", "configs/quickstart.yaml", *words])

    def check(self, struck: Struck) -> None:
        """It ended by itself, and well."""
        assert struck.code == 0, struck.output and struck.output.read_text(encoding="utf-8")

    def assert_same(self, one: Path, other: Path) -> None:
        """Both ended with the same bits."""
        left, right = (_end(folder) for folder in (one, other))
        assert _same(left, right), f"{_differing(left, right)} differ between {one} and {other}"


def _end(folder: Path) -> dict[str, Any]:
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    wanted = ("global_step", "epoch", "state_dict", "optimizer_states", "lr_schedulers")
    return {
        **{name: checkpoint[name] for name in wanted},
        "average": checkpoint["callbacks"]["ema"],
        "place": checkpoint["loops"]["fit_loop"]["state_dict"],
        "logged": _logged(folder),
        "samples": _samples(folder),
    }


def _logged(folder: Path) -> dict[str, str]:
    """Every value but the speed by name and step; one that was logged twice was the same."""
    values: dict[str, str] = {}
    for file in folder.glob("logs*/metrics.csv"):
        with file.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                for name in row.keys() - {"epoch", "step", "train/images_per_second"}:
                    if row[name]:
                        before = values.setdefault(f"{name} {row['step']}", row[name])
                        assert before == row[name], f"{name} of step {row['step']} is {before} and {row[name]}"
    return values


def _samples(folder: Path) -> dict[str, str]:
    """The samples by epoch and batch; those that came twice were the same."""
    seen: dict[str, str] = {}
    for line in (folder / "samples.txt").read_text(encoding="utf-8").splitlines():
        epoch, batch, samples = line.split(" ", 2)
        assert seen.setdefault(f"{epoch} {batch}", samples) == samples, line
    return seen


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [name for name in one if not _same(one[name], other[name])]
