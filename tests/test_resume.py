"""A run is a function of its settings: seeded, stopped, continued or with more workers, it ends with the same bits."""

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from killing import FullDisk, Signal, callback, in_fork
from tiny_run import command, flags

# Ten batches make an epoch, two of them a step; validation and pictures come in between, validation within steps too.
SETTINGS = flags(
    {
        "data.samples_per_epoch": 20,
        "data.augmentation": "FlipRotate",
        "trainer.accumulate_grad_batches": 2,
        "trainer.log_every_n_steps": 1,
        "trainer.val_check_interval": 3,
        "pictures.every_n_steps": 3,
        "model.reference_dropout": 0.3,
        "model.lr_schedule.class_path": "Cosine",
        "model.lr_schedule.init_args.start": 1.0,
        "model.lr_schedule.init_args.end": 0.1,
        "model.lr_schedule.init_args.steps": 8,
    }
)


def fit(folder: Path, *more: str, steps: int = 8, name: str = "whole") -> dict[str, Any]:
    """The last checkpoint; what was logged goes into `folder / name`."""
    logger = flags({"trainer.logger": "CSVLogger", "trainer.logger.init_args.save_dir": folder / name})
    assert command("fit", folder, *SETTINGS, *logger, *more, steps=steps) == 0
    checkpoint: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint


def ended(folder: Path, *more: str, kind: type, name: str, **settings: Any) -> tuple[int, str]:
    """The exit code and the output of a fit in a process of its own, which a callback of that kind has end."""
    words = ["--trainer.callbacks", callback(kind, **settings), *more]
    return in_fork(lambda: fit(folder, *words, name=name) and 0)


def logged(folder: Path, name: str = "whole") -> dict[tuple[str, str], str]:
    """Every logged number but the speed, by its name and step."""
    (file,) = (folder / name).rglob("metrics.csv")
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    names = [key for key in rows[0] if key not in ("epoch", "step", "train/images_per_second")]
    return {(key, row["step"]): row[key] for row in rows for key in names if row[key]}


def in_parts(folder: Path, count: int) -> dict[tuple[str, str], str]:
    """What `count` fits, which go on from one another, logged together."""
    parts = [logged(folder, str(number)) for number in range(count)]
    return {name: value for part in parts for name, value in part.items()}


def different(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    return [name for name in one.keys() | other.keys() if not torch.equal(one[name], other[name])]


def assert_same_end(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["global_step"] == other["global_step"] == 8
    assert different(one["state_dict"], other["state_dict"]) == []
    assert_same_optimizers(one["optimizer_states"], other["optimizer_states"])
    assert one["callbacks"]["ema"]["updates"] == other["callbacks"]["ema"]["updates"] == 8
    assert different(one["callbacks"]["ema"]["weights"], other["callbacks"]["ema"]["weights"]) == []
    assert one["lr_schedulers"] == other["lr_schedulers"]


def assert_same_optimizers(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    for left, right in zip(one, other, strict=True):
        assert left["param_groups"] == right["param_groups"]
        assert left["state"].keys() == right["state"].keys()
        for key, state in left["state"].items():
            assert different(state, right["state"][key]) == []


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


@pytest.mark.parametrize(
    ("stop", "workers"),
    [
        pytest.param(3, 0, id="mid-epoch", marks=pytest.mark.slow),
        pytest.param(3, 2, id="workers", marks=pytest.mark.slow),
        pytest.param(5, 0, id="epoch's end"),
    ],
)
def test_a_run_that_is_stopped_and_continued_ends_as_if_it_had_not_been(whole, stop, workers, tmp_path) -> None:
    more = ["--data.num_workers", str(workers)]
    first = fit(tmp_path, *more, steps=stop, name="0")
    assert first["global_step"] == stop
    assert_same_end(fit(tmp_path, *more, name="1"), whole[0])
    assert {step for name, step in logged(tmp_path, "1") if name == "train/loss"} == set(map(str, range(stop, 8)))
    assert in_parts(tmp_path, 2) == whole[1]


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(whole, tmp_path) -> None:
    # With loader workers, and a checkpoint after each step: where a validation follows, after that.
    more = ["--data.num_workers", "2", "--checkpoint.every_n_train_steps", "1"]
    ends = [
        ended(tmp_path, *more, kind=Signal, within="step", after=3, name="0"),
        ended(tmp_path, *more, kind=FullDisk, after=4, kill=True, name="1"),
        ended(tmp_path, *more, kind=Signal, within="validation", after=6, name="2"),
        # All is done but for last.ckpt, which is written after the checkpoint of the last step.
        ended(tmp_path, *more, kind=FullDisk, after=8, spared=1, kill=True, name="3"),
    ]
    assert [code for code, _ in ends] == [-signal.SIGKILL, -signal.SIGXFSZ, -signal.SIGKILL, -signal.SIGXFSZ]
    assert {path.name for path in (tmp_path / "checkpoints").glob("*.ckpt")} >= {"epoch=1-step=8.ckpt", "last.ckpt"}
    assert_same_end(fit(tmp_path, *more, name="4"), whole[0])
    assert in_parts(tmp_path, 4) == whole[1], "the last one had no step left to make"
    assert not list((tmp_path / "checkpoints").glob("*.tmp"))


def told_to_end(folder: Path, within: str, after: int, name: str) -> tuple[int, int, str]:
    """The exit code of a fit that has SIGTERM in such a place, the step that is saved then, and what it printed."""
    number = int(signal.SIGTERM)
    code, told = ended(folder, kind=Signal, within=within, after=after, number=number, name=name)
    return code, torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"], told


def test_a_run_that_is_told_to_end_is_saved_between_two_steps(whole, tmp_path) -> None:
    terminated = 128 + signal.SIGTERM  # so a program that waits for it learns that it is not done
    last = tmp_path / "checkpoints" / "last.ckpt"
    code, step, told = told_to_end(tmp_path, "validation", after=1, name="0")
    assert (code, step) == (terminated, 2), "this validation is within a step"
    assert f"SIGTERM ended this run at step 2, saved in {last}" in told
    code, step, told = told_to_end(tmp_path, "step", after=5, name="1")
    assert (code, step) == (terminated, 6), "a validation is due then, and is begun anew"
    assert f"going on from step 2 of {last}" in told
    code, step, told = told_to_end(tmp_path, "step", after=6, name="2")
    assert (code, step) == (terminated, 7)
    assert_same_end(fit(tmp_path, name="3"), whole[0])
    assert in_parts(tmp_path, 4) == whole[1]


@pytest.mark.slow
def test_a_run_that_is_told_to_end_twice_within_one_validation_begins_that_anew_twice(whole, tmp_path) -> None:
    for name in ("0", "1"):
        assert told_to_end(tmp_path, "validation", after=6, name=name)[:2] == (128 + signal.SIGTERM, 6)
    assert_same_end(fit(tmp_path, name="2"), whole[0])
    assert logged(tmp_path, "0") | logged(tmp_path, "2") == whole[1], "the one between made no step to log"


@pytest.mark.slow
def test_a_run_that_is_told_to_end_as_it_ends_anyway_ends(whole, tmp_path) -> None:
    assert told_to_end(tmp_path, "validation", after=8, name="0")[:2] == (0, 8)
    assert in_parts(tmp_path, 1) == whole[1]


@pytest.mark.slow
def test_slurm_has_the_job_back_in_its_queue(whole, tmp_path, monkeypatch) -> None:
    queue = tmp_path / "scontrol"
    queue.write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/queue\n")
    queue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    job = {"ID": "7", "NAME": "mine", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "NODELIST": "here"}
    for name, value in ({f"JOB_{key}": job[key] for key in ("ID", "NAME")} | job).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    number = int(signal.SIGUSR1)
    code, _ = ended(tmp_path, kind=Signal, within="step", after=3, number=number, name="0")
    assert code == 128 + number
    assert (tmp_path / "queue").read_text() == "requeue 7\n"
    assert_same_end(fit(tmp_path, name="1"), whole[0])
    assert in_parts(tmp_path, 2) == whole[1]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_by_a_figure_is_kept_also_over_a_kill(mode, tmp_path) -> None:
    more = flags({"checkpoint.monitor": "val/loss_main", "checkpoint.mode": mode, "trainer.val_check_interval": 2})
    assert ended(tmp_path, *more, kind=Signal, within="step", after=5, name="0")[0] == -signal.SIGKILL
    fit(tmp_path, *more, name="1")
    losses = [float(value) for (name, _), value in sorted(in_parts(tmp_path, 2).items()) if name == "val/loss_main"]
    assert len(losses) == 8
    best = 1 + losses.index({"min": min, "max": max}[mode](losses))
    kept = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert kept == {"last.ckpt", f"epoch={(best - 1) // 5}-step={best}.ckpt"}


@pytest.mark.slow
def test_one_every_n_steps_is_kept_where_all_are(tmp_path) -> None:
    more = flags({"checkpoint.every_n_train_steps": 3, "checkpoint.save_top_k": -1})
    fit(tmp_path, *more)
    kept = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert kept == {"last.ckpt", "epoch=0-step=3.ckpt", "epoch=1-step=6.ckpt"}
