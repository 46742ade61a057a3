"""A run is a function of its settings: seeded, stopped, continued or with more workers, it ends with the same bits."""

import csv
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from tiny_run import command, flags

# Ten batches make an epoch, two of them a step; validation and pictures come in between.
SETTINGS = flags(
    {
        "data.samples_per_epoch": 20,
        "data.augmentation": "FlipRotate",
        "trainer.accumulate_grad_batches": 2,
        "trainer.log_every_n_steps": 1,
        "trainer.val_check_interval": 4,
        "pictures.every_n_steps": 3,
        "model.reference_dropout": 0.3,
        "model.lr_schedule.class_path": "Cosine",
        "model.lr_schedule.init_args.start": 1.0,
        "model.lr_schedule.init_args.end": 0.1,
        "model.lr_schedule.init_args.steps": 8,
    }
)


class Power(pl.Callback):
    """Fails as the given batch of the first epoch begins."""

    def __init__(self, off_at: int) -> None:
        self.off_at = off_at

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == 0 and batch_idx == self.off_at:
            raise SystemError("the power is off")


def fit(folder: Path, *more: str, steps: int = 8, name: str = "whole") -> dict[str, Any]:
    """The last checkpoint; what was logged goes into `folder / name`."""
    logger = flags({"trainer.logger": "CSVLogger", "trainer.logger.init_args.save_dir": folder / name})
    with suppress(SystemError):
        assert command("fit", folder, *SETTINGS, *logger, *more, steps=steps) == 0
    checkpoint: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint


def logged(folder: Path, name: str = "whole") -> dict[tuple[str, str], str]:
    """Every logged number but the speed, by its name and step."""
    (file,) = (folder / name).rglob("metrics.csv")
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    names = [key for key in rows[0] if key not in ("epoch", "step", "train/images_per_second")]
    return {(key, row["step"]): row[key] for row in rows for key in names if row[key]}


def different(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    return [name for name in one.keys() | other.keys() if not torch.equal(one[name], other[name])]


def assert_same_end(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["global_step"] == other["global_step"] == 8
    assert different(one["state_dict"], other["state_dict"]) == []
    assert one["callbacks"]["ema"]["updates"] == other["callbacks"]["ema"]["updates"] == 8
    assert different(one["callbacks"]["ema"]["weights"], other["callbacks"]["ema"]["weights"]) == []
    assert one["lr_schedulers"] == other["lr_schedulers"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[tuple[str, str], str]]:
    """An uninterrupted run of 8 steps: its checkpoint, and what it logged."""
    folder = tmp_path_factory.mktemp("whole")
    checkpoint = fit(folder)
    return checkpoint, logged(folder)


def test_the_uninterrupted_run_logs_what_the_others_are_compared_in(whole) -> None:
    checkpoint, losses = whole
    assert len({losses["train/loss", str(step)] for step in range(8)}) == 8, "every step has a loss of its own"
    assert {"val/loss_main", "val/loss_regularization", "train/loss_main"} <= {name for name, _ in losses}
    assert checkpoint["epoch"] == 1
    moved = different(
        {name: checkpoint["state_dict"][name].float() for name in checkpoint["callbacks"]["ema"]["weights"]},
        checkpoint["callbacks"]["ema"]["weights"],
    )
    assert moved, "the average equals the weights, so comparing it shows nothing"


@pytest.mark.parametrize("workers", [0, 2])
def test_runs_of_one_seed_are_bit_identical_with_any_number_of_workers(whole, workers, tmp_path) -> None:
    checkpoint = fit(tmp_path, "--data.num_workers", str(workers))
    assert logged(tmp_path) == whole[1]
    assert_same_end(checkpoint, whole[0])


def test_another_seed_is_another_run(whole, tmp_path) -> None:
    fit(tmp_path, "--seed_everything", "1", steps=1)
    assert logged(tmp_path)["train/loss", "0"] != whole[1]["train/loss", "0"]


@pytest.mark.parametrize(("stop", "workers"), [(3, 0), (3, 2), (5, 0)], ids=["mid-epoch", "workers", "epoch's end"])
def test_a_run_that_is_stopped_and_continued_ends_as_if_it_had_not_been(whole, stop, workers, tmp_path) -> None:
    more = ["--data.num_workers", str(workers), "--ckpt_path", "last"]
    first = fit(tmp_path, *more, steps=stop, name="first")
    assert first["global_step"] == stop
    checkpoint = fit(tmp_path, *more, name="second")
    parts = logged(tmp_path, "first"), logged(tmp_path, "second")
    assert {step for name, step in parts[1] if name == "train/loss"} == {str(step) for step in range(stop, 8)}
    assert parts[0] | parts[1] == whole[1]
    assert_same_end(checkpoint, whole[0])


def test_a_run_that_broke_off_within_a_step_continues_from_the_step_before(whole, tmp_path) -> None:
    saving = ["--checkpoint.every_n_train_steps", "1"]
    power = flags({"trainer.callbacks": f"[{{class_path: {Power.__module__}.Power, init_args: {{off_at: 7}}}}]"})
    first = fit(tmp_path, *saving, *power, name="first")
    assert first["global_step"] == 3, "batch 7 begins the fourth step"
    checkpoint = fit(tmp_path, *saving, "--ckpt_path", "last", name="second")
    assert logged(tmp_path, "first") | logged(tmp_path, "second") == whole[1]
    assert_same_end(checkpoint, whole[0])
