from collections import defaultdict
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger

from dreaminpainter.callbacks import LossLogger
from dreaminpainter.errors import SettingError
from dreaminpainter.regularization import AddedTermRegularizer, DecouplingRegularizer, Linear, NoRegularizer


class MemoryLogger(Logger):
    """Keeps what is logged, by step."""

    name, version = "memory", 0

    def __init__(self) -> None:
        super().__init__()
        self.logged: dict[int, dict[str, float]] = defaultdict(dict)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.logged[int(step or 0)] |= {name: value for name, value in metrics.items() if name != "epoch"}

    def log_hyperparams(self, *_: Any) -> None:
        pass


class Outputs(Callback):
    """Keeps what `training_step` returns, and the step that it belongs to."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append({**outputs, "step": self.step, "loss": outputs["loss"] * trainer.accumulate_grad_batches})


def slow_means(outputs: list[dict[str, Any]], bins: dict[str, range]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for one in outputs:
        found["train/truncated_texts"] += [one["truncated_texts"] / len(one["objective"])]
        found["train/loss"].append(float(one["loss"]))
        for row, objective in enumerate(one["objective"]):
            found[f"train/loss_{objective}"].append(float(one["losses"][row]))
            for name, timesteps in bins.items():
                if int(one["timesteps"][row]) in timesteps:
                    found[f"train/loss_{name}"].append(float(one["losses"][row]))
    return {name: sum(values) / len(values) for name, values in found.items()}


THIRDS = {"t0-333": range(334), "t334-666": range(334, 667), "t667-999": range(667, 1000)}


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("regularizer", [DecouplingRegularizer(), AddedTermRegularizer(), NoRegularizer()])
def test_means_since_the_last_log_are_told_apart_by_objective_and_timestep(
    trainer: Any, model: Any, loader: Any, accumulated: int, regularizer: Any
) -> None:
    logger, outputs = MemoryLogger(), Outputs()
    settings = {"log_every_n_steps": 3, "accumulate_grad_batches": accumulated, "max_epochs": 1, "logger": logger}
    loops = trainer(LossLogger(bins=3), outputs, **settings)
    loops.fit(model(regularizer=regularizer), loader(7 * accumulated))

    assert set(logger.logged) == {2, 5}
    for last, logged in logger.logged.items():
        assert logged.pop("train/images_per_second") > 0
        assert logged.pop("train/regularization") == regularizer.strength(last)
        window = [one for one in outputs.seen if last - 3 < one["step"] <= last]
        assert len(window) == 3 * accumulated
        assert logged == pytest.approx(slow_means(window, THIRDS), rel=1e-5)
    assert float(loops.progress_bar_metrics["train/loss"]) == pytest.approx(logger.logged[5]["train/loss"])


def test_the_schedule_is_logged_at_the_step_that_was_trained(trainer: Any, model: Any, loader: Any) -> None:
    logger = MemoryLogger()
    regularizer = DecouplingRegularizer(Linear(start=0.0, end=1.0, steps=4))
    trainer(LossLogger(), max_epochs=1, log_every_n_steps=1, logger=logger).fit(
        model(regularizer=regularizer), loader(4)
    )
    assert [logger.logged[step]["train/regularization"] for step in range(4)] == [0.0, 0.25, 0.5, 0.75]


def test_images_per_second_counts_images_over_wall_time(
    trainer: Any, model: Any, loader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr("dreaminpainter.callbacks.losses.monotonic", lambda: float(next(clock)))
    logger = MemoryLogger()
    trainer(LossLogger(), max_epochs=1, log_every_n_steps=2, logger=logger).fit(model(), loader(4, 3))
    assert [logged["train/images_per_second"] for logged in logger.logged.values()] == [6 / 4, 6 / 4]


def test_a_step_that_does_not_log_waits_for_no_device(trainer: Any, model: Any, loader: Any) -> None:
    class OnNoDevice(Callback):
        """Runs the logger on tensors without values: reading one would raise."""

        def on_train_batch_end(self, loops: Trainer, module: LightningModule, outputs: Any, *rest: Any) -> None:
            values = {name: outputs[name].to("meta") for name in ("loss", "losses", "timesteps")}
            losses.on_train_batch_end(loops, module, {**outputs, **values}, *rest)

    losses = LossLogger()
    trainer(OnNoDevice(), max_epochs=1, log_every_n_steps=50).fit(model(), loader(3))
    assert len(losses._window.losses) == 3


def test_nothing_is_kept_where_nothing_is_logged(trainer: Any, model: Any, loader: Any) -> None:
    losses = LossLogger()
    trainer(losses, max_epochs=1, log_every_n_steps=0).fit(model(), loader(2))
    assert losses._window.losses == []


def test_means_are_the_same_where_training_stops_between_two_logs(trainer: Any, model: Any, loader: Any, tmp_path: Any):
    whole, parts, file = MemoryLogger(), MemoryLogger(), tmp_path / "stopped.ckpt"
    settings = {"log_every_n_steps": 3, "accumulate_grad_batches": 2}
    trainer(LossLogger(), logger=whole, max_epochs=2, **settings).fit(model(), loader(8))
    first = trainer(LossLogger(), logger=parts, max_epochs=1, **settings)
    first.fit(model(), loader(8))
    first.save_checkpoint(file)
    trainer(LossLogger(), logger=parts, max_epochs=2, **settings).fit(model(), loader(8), ckpt_path=file)
    for logged in (*whole.logged.values(), *parts.logged.values()):
        logged.pop("train/images_per_second")
    assert parts.logged == whole.logged and set(whole.logged) == {2, 5}


@pytest.mark.parametrize(("bins", "timesteps"), [(1, 1000), (3, 10), (4, 1000), (7, 50)])
def test_bins_have_every_timestep_once_and_their_names_tell_which(bins: int, timesteps: int) -> None:
    names = LossLogger(bins).names_of_bins(timesteps)
    limits = [[int(limit) for limit in name.removeprefix("t").split("-")] for name in names]
    for place, (low, high) in enumerate(limits):
        assert [t for t in range(timesteps) if t * bins // timesteps == place] == list(range(low, high + 1))


def test_the_share_of_texts_that_were_cut_is_logged(trainer: Any, model: Any, loader: Any) -> None:
    data, logger = loader(2), MemoryLogger()
    data.dataset[1].class_name[0] = "long " * 100
    settings = {"max_epochs": 1, "log_every_n_steps": 2, "logger": logger}
    trainer(LossLogger(), **settings).fit(model(regularizer=NoRegularizer(), text_dropout=0.0), data)
    assert logger.logged[1]["train/truncated_texts"] == 1 / 4


def test_no_bins_are_refused() -> None:
    with pytest.raises(SettingError, match="timestep bins is 0"):
        LossLogger(bins=0)


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="CUDA is in use already, so this process cannot be forked")
def test_two_processes_log_the_means_over_both(trainer: Any, model: Any, loader: Any, tmp_path: Any) -> None:
    class Written(MemoryLogger):
        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            torch.save(dict(metrics), tmp_path / f"rank{loops.global_rank}-{step}.pt")

    class WrittenOutputs(Outputs):
        def on_train_end(self, loops: Trainer, module: LightningModule) -> None:
            torch.save(self.seen, tmp_path / f"outputs{loops.global_rank}.pt")

    two = {"accelerator": "cpu", "strategy": "ddp_fork", "devices": 2, "logger": Written()}
    loops = trainer(LossLogger(bins=3), WrittenOutputs(), max_epochs=1, log_every_n_steps=2, **two)
    loops.fit(model(), loader(8))

    outputs = [torch.load(tmp_path / f"outputs{rank}.pt", weights_only=True) for rank in range(2)]
    seen = [one for rank in outputs for one in rank if one["step"] in (2, 3)]
    first, second = (torch.load(tmp_path / f"rank{rank}-3.pt", weights_only=True) for rank in range(2))
    assert len(seen) == 4 and first == second
    first.pop("train/images_per_second"), first.pop("train/regularization")
    assert first == pytest.approx(slow_means(seen, THIRDS), rel=1e-5)
