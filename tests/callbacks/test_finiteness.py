from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from dreaminpainter.callbacks import NonFiniteGuard
from dreaminpainter.errors import NonFiniteError, SettingError
from dreaminpainter.regularization import NoRegularizer
from dreaminpainter.schedules import Constant
from dreaminpainter.types import Batch, Reference

PLAIN = {"regularizer": NoRegularizer(), "lr_schedule": Constant(1.0)}


def spoil(data: Any, number: int) -> Any:
    """The loader, with a pixel in one batch that is no number."""
    data.dataset[number].image[0, 0, 0, 0] = torch.nan
    return data


class SpoiltGradient(Callback):
    """Makes one gradient infinite in a step whose loss is finite."""

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        if trainer.global_step == 1:
            next(one for one in pl_module.parameters() if one.grad is not None).grad[0] = torch.inf


def test_a_loss_that_is_no_number_stops_training_and_leaves_what_is_needed_to_see_it_again(
    trainer, model, loader, tmp_path
) -> None:
    made = model(**PLAIN)
    with pytest.raises(NonFiniteError) as error:
        trainer(NonFiniteGuard(), max_epochs=1, accumulate_grad_batches=2).fit(made, spoil(loader(6), 3))
    file = tmp_path / "nonfinite" / "step_000001_rank_0.pt"
    assert "step 1" in str(error.value) and str(file) in str(error.value) and "--nonfinite.skip" in str(error.value)
    assert all(f"drawn {id}" in str(error.value) for id in (4, 5, 6, 7)), "the samples of both batches of the step"
    assert all(weight.isfinite().all() for weight in made.state_dict().values()), "nothing was made of it"

    held = torch.load(file, weights_only=True)
    again = model(**PLAIN).train()
    again.load_state_dict(held["state_dict"])
    losses = []
    for fields in held["batches"]:
        batch = Batch(**fields | {"reference": Reference(**fields["reference"])})
        losses.append(float(again(batch, again.regularizer(batch, held["step"]))["losses"].mean()))
    assert torch.tensor(losses).isfinite().tolist() == [True, False]


def test_a_gradient_that_is_no_number_stops_it_too(trainer, model, loader) -> None:
    with pytest.raises(NonFiniteError, match="step 1 "):
        trainer(SpoiltGradient(), NonFiniteGuard(), max_epochs=1).fit(model(**PLAIN), loader(3))


def test_a_step_that_is_no_number_and_may_be_skipped_is_as_if_it_had_not_been(trainer, model, loader) -> None:
    guard, made, expected = NonFiniteGuard(skip=1), model(**PLAIN), model(**PLAIN)
    with pytest.warns(UserWarning, match="The step is skipped, the 1. of 1 that may be"):
        trainer(guard, max_epochs=1, gradient_clip_val=1.0).fit(made, spoil(loader(4), 1))
    without = loader(4)
    del without.dataset[1]
    trainer(max_epochs=1, gradient_clip_val=1.0).fit(expected, without)
    assert guard.state_dict() == {"skipped": 1}
    for name, value in expected.state_dict().items():
        assert torch.equal(value, made.state_dict()[name]), name


@pytest.mark.filterwarnings("ignore:The loss or gradients")
def test_no_more_steps_are_skipped_than_may_be_also_over_a_stop(trainer, model, loader, tmp_path: Path) -> None:
    first = trainer(NonFiniteGuard(skip=1), max_epochs=1)
    first.fit(model(**PLAIN), spoil(loader(2), 1))
    first.save_checkpoint(tmp_path / "skipped.ckpt")
    with pytest.raises(NonFiniteError, match="1 steps were skipped before"):
        trainer(NonFiniteGuard(skip=1), max_epochs=2).fit(
            model(**PLAIN), spoil(loader(2), 1), ckpt_path=tmp_path / "skipped.ckpt"
        )


def test_a_negative_number_of_steps_to_skip_is_refused() -> None:
    with pytest.raises(SettingError, match=r"nonfinite\.skip is -1"):
        NonFiniteGuard(skip=-1)
