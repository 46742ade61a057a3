import re

import pytest
import torch
from lightning.pytorch.callbacks import ProgressBar
from tiny import loader, quiet_trainer, tiny_batch, tiny_model
from tiny_run import TINY

from dreaminpainter.callbacks import ExponentialMovingAverage
from dreaminpainter.commands.forecast import CountsSteps, Expected, Forecast
from dreaminpainter.commands.making import made
from dreaminpainter.errors import SettingError
from dreaminpainter.lora import LoRA


class Totals(CountsSteps):
    """A bar that is not shown, and its length at the start of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.totals: list[float] = []

    def on_train_epoch_start(self, *_) -> None:
        self.totals.append(self.total_train_batches)

    def disable(self) -> None:
        pass


def batches(count: int):
    return loader(*(tiny_batch(first=2 * number) for number in range(count)))


@pytest.mark.parametrize(
    ("settings", "totals"),
    [
        ({"max_steps": 3, "accumulate_grad_batches": 2}, [4, 2]),
        ({"max_steps": 2}, [2]),
        ({"max_steps": 4}, [4]),
        ({"max_steps": -1, "max_epochs": 1}, [4]),
    ],
)
def test_the_bar_ends_where_the_training_ends(settings, totals):
    bar = Totals()
    quiet_trainer(callbacks=[bar], enable_progress_bar=True, **settings).fit(tiny_model(), batches(4))
    assert bar.totals == totals


def test_the_bar_of_a_continued_run_ends_there_too(tmp_path):
    first = quiet_trainer(max_steps=2)
    first.fit(tiny_model(), batches(8))
    first.save_checkpoint(tmp_path / "two.ckpt")
    bar = Totals()
    rest = quiet_trainer(max_steps=5, callbacks=[bar], enable_progress_bar=True)
    rest.fit(tiny_model(), batches(8), ckpt_path=tmp_path / "two.ckpt", weights_only=True)
    assert bar.totals == [5]


def test_the_command_has_such_a_bar():
    shown = [word for pair in zip(TINY[::2], TINY[1::2], strict=True) if "progress_bar" not in pair[0] for word in pair]
    bars = [one for one in made(shown, "tiny").trainer.callbacks if isinstance(one, ProgressBar)]
    assert len(bars) == 1 and isinstance(bars[0], CountsSteps)


@pytest.mark.parametrize("has_average", [True, False])
def test_memory_is_what_training_comes_to_hold(has_average):
    model = tiny_model(lora=LoRA(rank=2), learning_rates={"lora": 1e-3, "adapter": 1e-3})
    expected = Expected.of(model, has_average)
    average = ExponentialMovingAverage()
    trainer = quiet_trainer(max_steps=1, callbacks=[average] if has_average else [])
    trainer.fit(model, batches(1))
    trained = [one for one in model.parameters() if one.requires_grad]
    assert expected.weights == sum(one.nbytes for one in (*model.parameters(), *model.buffers()))
    assert expected.gradients == sum(one.nbytes for one in trained)
    (optimizer,) = trainer.optimizers
    held = [value for state in optimizer.state.values() for value in state.values() if value.ndim]
    assert expected.optimizer == sum(value.nbytes for value in held)
    assert expected.average == sum(one.nbytes for one in average.state_dict()["weights"].values())
    assert expected.trained.keys() == {"lora", "adapter"}
    assert sum(expected.trained.values()) == sum(one.numel() for one in trained)


def test_a_model_that_holds_no_memory_is_told_of_alike():
    with torch.device("meta"):
        on_meta = Expected.of(tiny_model(), True)
    assert on_meta == Expected.of(tiny_model(), True)


def test_it_is_told_what_trains_and_after_a_few_steps_when_it_ends(capsys):
    trainer = quiet_trainer(max_steps=9, accumulate_grad_batches=2, callbacks=[Forecast(after=3)])
    trainer.fit(tiny_model(learning_rates={"adapter": 1e-3}), batches(18))
    first, second = (line for line in capsys.readouterr().err.splitlines() if line.startswith("note: "))
    assert re.match(r"note: trains [\d.]+ M of [\d.]+ M parameters \(adapter [\d.]+ M\); memory .* optimizer", first)
    rate, left = re.match(r"note: ([\d.]+) images/s: (\d:\d\d:\d\d) to step 9, without validation", second).groups()
    assert float(rate) > 0 and left.startswith("0:00:")


def test_a_limit_of_time_is_told_too_and_a_short_run_says_nothing_of_speed(capsys):
    trainer = quiet_trainer(max_steps=-1, max_epochs=-1, max_time="00:00:00:02", callbacks=[Forecast(after=1)])
    trainer.fit(tiny_model(learning_rates={"adapter": 1e-3}), batches(3))
    assert re.search(r"no last step is set; max_time ends it in 0:00:0[0-2]", capsys.readouterr().err)
    quiet_trainer(max_steps=2, callbacks=[Forecast(after=5)]).fit(tiny_model(), batches(2))
    assert "images/s" not in capsys.readouterr().err
    with pytest.raises(SettingError, match="after 0 steps"):
        Forecast(after=0)
