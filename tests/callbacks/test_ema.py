from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dreaminpainter.callbacks import ExponentialMovingAverage
from dreaminpainter.errors import SettingError

MakeTrainer = Callable[..., Trainer]
Weights = dict[str, Tensor]


class Regression(pl.LightningModule):
    """Trained layers, a frozen one, buffers, and weights that two names share."""

    def __init__(self, learning_rate: float = 0.1) -> None:
        super().__init__()
        seed_everything(0, verbose=False)
        self.frozen = nn.Linear(4, 8).requires_grad_(False)
        self.norm = nn.BatchNorm1d(8)
        self.first = nn.Linear(8, 8)
        self.second = self.first
        self.register_buffer("positions", torch.arange(8))
        self.learning_rate = learning_rate
        self.seen: list[Weights] = []
        self.fail = False

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.second(self.first(self.norm(self.frozen(batch)))).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.seen.append(trained(self))
        if self.fail:
            raise ValueError("a broken sample")

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self.seen.append(trained(self))

    def predict_step(self, batch: Tensor, batch_idx: int) -> None:
        self.seen.append(trained(self))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), self.learning_rate, momentum=0.9)


class Recorder(Callback):
    """The training weights after each optimizer step."""

    def __init__(self) -> None:
        self.weights: dict[int, Weights] = {}

    def on_train_batch_end(self, trainer: Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step:
            self.weights[trainer.global_step] = trained(pl_module)


class Saver(Callback):
    """Saves whenever validation gives it a chance to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, trainer: Trainer, hook: str) -> None:
        trainer.save_checkpoint(self.folder / f"{hook}.ckpt")
        trainer.save_checkpoint(self.folder / f"{hook}-weights.ckpt", weights_only=True)

    def on_validation_start(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        self.save(trainer, "start")

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.save(trainer, "batch")

    def on_validation_end(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        self.save(trainer, "end")


def trained(module: pl.LightningModule) -> Weights:
    return {name: weight.detach().clone() for name, weight in module.named_parameters() if weight.requires_grad}


def data(batches: int) -> DataLoader[Tensor]:
    return DataLoader(list(torch.randn(batches, 8, 4, generator=torch.Generator().manual_seed(1))), batch_size=None)


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def as_float(weights: Weights) -> Weights:
    return {name: weight.float() for name, weight in weights.items()}


def slow_average(start: Weights, weights: dict[int, Weights], decay: float, warm_up: bool) -> Weights:
    average = {name: weight.double() for name, weight in start.items()}
    for updates, step in enumerate(sorted(weights)):
        share = min(decay, (1 + updates) / (10 + updates)) if warm_up else decay
        average = {name: share * average[name] + (1 - share) * weights[step][name].double() for name in average}
    return average


@pytest.mark.parametrize("warm_up", [True, False])
@pytest.mark.parametrize("accumulated", [1, 3])
def test_the_average_is_updated_once_per_optimizer_step(trainer: MakeTrainer, warm_up: bool, accumulated: int) -> None:
    module, ema, recorder = Regression(), ExponentialMovingAverage(0.8, warm_up), Recorder()
    start = trained(module)
    trainer(ema, recorder, max_epochs=1, accumulate_grad_batches=accumulated).fit(module, data(12))

    state = ema.state_dict()
    assert state["updates"] == len(recorder.weights) == 12 // accumulated
    expected = slow_average(start, recorder.weights, 0.8, warm_up)
    for name, weight in state["weights"].items():
        torch.testing.assert_close(weight.double(), expected[name], atol=1e-6, rtol=1e-6)
        assert not torch.equal(weight, trained(module)[name])


def test_only_parameters_that_train_are_averaged(trainer: MakeTrainer) -> None:
    ema = ExponentialMovingAverage()
    trainer(ema, max_steps=1).fit(Regression(), data(1))
    assert set(ema.state_dict()["weights"]) == {"norm.weight", "norm.bias", "first.weight", "first.bias"}


def test_validation_test_and_prediction_see_the_average_and_leave_no_trace(trainer: MakeTrainer) -> None:
    module, ema, recorder = Regression(), ExponentialMovingAverage(0.5), Recorder()
    loops = trainer(ema, recorder, max_epochs=2, num_sanity_val_steps=1)
    loops.fit(module, data(4), data(1))
    average = ema.state_dict()["weights"]

    sanity, first, second = module.seen
    assert same(sanity, trained(Regression()))
    assert not same(first, recorder.weights[4])
    assert same(second, average)
    assert same(trained(module), recorder.weights[8])

    module.seen.clear()
    loops.validate(module, data(1), verbose=False)
    loops.test(module, data(1), verbose=False)
    loops.predict(module, data(1))
    assert len(module.seen) == 3 and all(same(seen, average) for seen in module.seen)
    assert same(trained(module), recorder.weights[8])


def test_training_is_bit_identical_with_and_without_average(trainer: MakeTrainer) -> None:
    plain, averaged = Regression(), Regression()
    trainer(max_epochs=3).fit(plain, data(4), data(1))
    trainer(ExponentialMovingAverage(), max_epochs=3).fit(averaged, data(4), data(1))
    assert same(trained(plain), trained(averaged))


def test_training_weights_come_back_when_validation_raises(trainer: MakeTrainer) -> None:
    module, recorder = Regression(), Recorder()
    module.fail = True
    with pytest.raises(ValueError, match="a broken sample"):
        trainer(ExponentialMovingAverage(0.5), recorder, max_epochs=1, num_sanity_val_steps=0).fit(
            module, data(4), data(1)
        )
    assert not same(module.seen[0], recorder.weights[4])
    assert same(trained(module), recorder.weights[4])
    with torch.no_grad():
        module.first.weight.add_(1)
    assert torch.equal(module.state_dict()["first.weight"], module.first.weight)


@pytest.mark.parametrize("average_first", [True, False])
def test_a_checkpoint_holds_the_training_weights_whenever_it_is_saved(
    trainer: MakeTrainer, tmp_path: Path, average_first: bool
) -> None:
    module, ema, recorder, saver = Regression(), ExponentialMovingAverage(0.5), Recorder(), Saver(tmp_path)
    checkpoint = ModelCheckpoint(tmp_path, filename="lightnings", monitor=None)
    both = [ema, saver] if average_first else [saver, ema]
    loops = trainer(*both, recorder, checkpoint, max_epochs=1, num_sanity_val_steps=0)
    loops.fit(module, data(4), data(1))

    names = [f"{hook}{kind}" for hook in ("start", "batch", "end") for kind in ("", "-weights")]
    for name in [*names, "lightnings"]:
        content = torch.load(tmp_path / f"{name}.ckpt", weights_only=True)
        state = content["state_dict"]
        assert same({key: state[key] for key in recorder.weights[4]}, recorder.weights[4]), name
        assert torch.equal(state["second.weight"], recorder.weights[4]["first.weight"]), name
        if "weights" not in name:
            assert same(content["callbacks"]["ema"]["weights"], ema.state_dict()["weights"]), name


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_resumed_run_has_the_same_average_to_the_bit(trainer: MakeTrainer, tmp_path: Path, accumulated: int) -> None:
    settings = {"accumulate_grad_batches": accumulated, "num_sanity_val_steps": 1}
    module, whole = Regression(), ExponentialMovingAverage(0.9)
    trainer(whole, max_epochs=4, **settings).fit(module, data(4), data(1))

    first = trainer(ExponentialMovingAverage(0.9), max_epochs=2, **settings)
    first.fit(Regression(), data(4), data(1))
    first.save_checkpoint(tmp_path / "half.ckpt")
    resumed, rest = Regression(), ExponentialMovingAverage(0.9)
    trainer(rest, max_epochs=4, **settings).fit(resumed, data(4), data(1), ckpt_path=tmp_path / "half.ckpt")

    assert rest.state_dict()["updates"] == whole.state_dict()["updates"] == 16 // accumulated
    assert same(rest.state_dict()["weights"], whole.state_dict()["weights"])
    assert same(trained(resumed), trained(module))


def test_a_checkpoint_is_validated_on_its_average(trainer: MakeTrainer, tmp_path: Path) -> None:
    ema = ExponentialMovingAverage(0.9)
    loops = trainer(ema, max_epochs=2)
    loops.fit(Regression(), data(4))
    loops.save_checkpoint(tmp_path / "trained.ckpt")
    module = Regression()
    trainer(ExponentialMovingAverage()).validate(module, data(1), tmp_path / "trained.ckpt", verbose=False)
    assert same(module.seen[0], ema.state_dict()["weights"])


def test_steps_too_small_for_bfloat16_still_reach_the_average(trainer: MakeTrainer) -> None:
    module, ema, recorder = Regression(), ExponentialMovingAverage(0.999, warm_up=False), Recorder()
    start = as_float(trained(module.bfloat16()))
    trainer(ema, recorder, max_epochs=1, precision="bf16-true").fit(module, data(8), data(1))

    weights = ema.state_dict()["weights"]
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    expected = slow_average(start, recorder.weights, 0.999, warm_up=False)
    for name in ("first.weight", "first.bias"):
        assert not torch.equal(weights[name], start[name])
        torch.testing.assert_close(weights[name].double(), expected[name], atol=1e-7, rtol=1e-6)
    assert {weight.dtype for weight in module.seen[-1].values()} == {torch.bfloat16}
    assert same(trained(module), recorder.weights[8])


def test_averaged_may_be_nested_and_gives_back_the_weights(trainer: MakeTrainer) -> None:
    module, ema = Regression(), ExponentialMovingAverage(0.9)
    loops = trainer(ema, max_epochs=1)
    loops.fit(module, data(4))
    before, average = trained(module), ema.state_dict()["weights"]
    with ema.averaged(module):
        with ema.averaged(module):
            assert same(trained(module), average)
        assert same(trained(module), average)
        loops.validate(module, data(1), verbose=False)
        assert same(module.seen[-1], average)
    assert same(trained(module), before)


def test_averaged_gives_back_the_weights_after_an_error(trainer: MakeTrainer) -> None:
    module, ema = Regression(), ExponentialMovingAverage(0.9)
    trainer(ema, max_epochs=1).fit(module, data(4))
    before = trained(module)
    with pytest.raises(ZeroDivisionError), ema.averaged(module):
        1 / 0  # noqa: B018
    assert same(trained(module), before)


def test_an_average_of_other_parameters_is_refused(trainer: MakeTrainer) -> None:
    ema = ExponentialMovingAverage()
    ema.load_state_dict({"weights": {"first.weight": torch.zeros(8, 8)}, "updates": 1})
    with pytest.raises(SettingError, match=r"3 differ, the first is first.bias"):
        trainer(ema, max_steps=1).fit(Regression(), data(1))


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(SettingError, match="decay of the moving average"):
        ExponentialMovingAverage(decay)
