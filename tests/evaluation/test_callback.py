"""The benchmark during training."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_run import command

from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.callback import ValidationBenchmark


def with_benchmark(folder: Path, *more: dict, **settings: object) -> list[str]:
    """Arguments that put a small benchmark, and other callbacks, into a tiny run."""
    cases = {"class_path": "dreaminpainter.evaluation.cases.CrittersCases"}
    cases["init_args"] = {"count": 2, "size": 32, "reference_size": 64, "split": "validation"}
    own = {"cases": cases, "batch_size": 1, "num_inference_steps": 2, "every_n_steps": 1, **settings}
    callbacks = [{"class_path": "dreaminpainter.evaluation.callback.ValidationBenchmark", "init_args": own}, *more]
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "benchmark.yaml"
    config.write_text(yaml.safe_dump({"trainer": {"callbacks": callbacks}}))
    return ["--config", str(config)]


def logged(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted((folder / "logs").glob("events.*")):
        events = EventAccumulator(str(path))
        events.Reload()
        for tag in events.Tags()["scalars"]:
            found.setdefault(tag, []).extend((one.step, one.value) for one in events.Scalars(tag))
    return found


def test_it_is_logged_beside_the_loss_of_averaged_and_of_raw_weights(tmp_path) -> None:
    more = with_benchmark(tmp_path, seeds=2)
    more += ["--trainer.val_check_interval", "2", "--ema.decay", "0.5", "--trainer.log_every_n_steps", "2"]
    assert command("fit", tmp_path, *more, steps=4) == 0
    scalars = logged(tmp_path)
    for name in ("reference", "text", "outline copy", "diversity", "background max"):
        for prefix in ("benchmark", "benchmark_raw"):
            assert [step for step, _ in scalars[f"{prefix}/{name}"]] == [1, 3], (prefix, name)
    assert all(value == 0 for _, value in scalars["benchmark/background max"])
    averaged, raw = (dict(scalars[f"{prefix}/diversity"]) for prefix in ("benchmark", "benchmark_raw"))
    assert averaged != raw, "averaged weights are others than the raw ones"
    assert any(re.fullmatch(r"train/loss_t\d+-\d+", name) for name in scalars)


def test_training_is_the_same_with_it(tmp_path) -> None:
    for name, more in {"with": with_benchmark(tmp_path / "x"), "without": []}.items():
        assert command("fit", tmp_path / name, *more, "--trainer.val_check_interval", "1", steps=2) == 0
    weights = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("with", "without")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_training_can_stop_early_by_it(tmp_path) -> None:
    # Nothing rises above a diversity of 255, so the second measurement is no better than the first by so much.
    stopping = {
        "class_path": "lightning.pytorch.callbacks.EarlyStopping",
        "init_args": {"monitor": "benchmark/diversity", "mode": "max", "patience": 1, "min_delta": 255.0},
    }
    more = with_benchmark(tmp_path, stopping)
    assert command("fit", tmp_path, *more, "--trainer.val_check_interval", "1", steps=6) == 0
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2


def test_it_is_not_measured_more_often_than_asked_for(tmp_path) -> None:
    more = with_benchmark(tmp_path, every_n_steps=2)
    assert command("fit", tmp_path, *more, "--trainer.val_check_interval", "1", steps=4) == 0
    assert [step for step, _ in logged(tmp_path)["benchmark/text"]] == [0, 2]


def test_what_another_callback_monitors_is_measured_at_every_validation(tmp_path) -> None:
    """Lightning keeps an old figure, and early stopping would count it as one more that is no better."""
    saving = {
        "class_path": "lightning.pytorch.callbacks.EarlyStopping",
        "init_args": {"monitor": "benchmark/text", "patience": 9},
    }
    more = with_benchmark(tmp_path, saving, every_n_steps=100)
    assert command("fit", tmp_path, *more, "--trainer.val_check_interval", "1", steps=3) == 0
    assert [step for step, _ in logged(tmp_path)["benchmark/text"]] == [0, 1, 2]


def test_numbers_below_one_are_refused() -> None:
    with pytest.raises(SettingError, match="every_n_steps is 0"):
        ValidationBenchmark(every_n_steps=0)
