import pytest
import torch
from oracles.batches import tiny_batch

from dreaminpainter.components import describe, make
from dreaminpainter.diffusion import batch_loss
from dreaminpainter.errors import SettingError
from dreaminpainter.regularization import (
    AddedTermRegularizer,
    Constant,
    DecouplingRegularizer,
    Linear,
    Regularizer,
    Warmup,
)

MANY = 4000


def within_five_sigma(count: int, share: float, total: int = MANY) -> bool:
    return abs(count - share * total) < 5 * (total * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("probability", [0.05, 0.2, 0.5])
def test_the_share_of_regularized_samples_is_the_probability(probability):
    plan = DecouplingRegularizer(Constant(probability))(tiny_batch(MANY), step=0)
    assert within_five_sigma(plan.objective.count("regularization"), probability)


def test_probability_follows_its_schedule():
    regularizer = DecouplingRegularizer(Linear(0.0, 1.0, steps=100))
    batch = tiny_batch(MANY)
    assert set(regularizer(batch, 0).objective) == {"main"}
    assert within_five_sigma(regularizer(batch, 50).objective.count("regularization"), 0.5)
    assert set(regularizer(batch, 100).objective) == {"regularization"}
    assert [regularizer.strength(step) for step in (0, 50, 200)] == [0, 0.5, 1]


def test_every_row_is_one_objective_whole():
    batch = tiny_batch(64)
    plan = DecouplingRegularizer(Constant(0.5))(batch, step=0)
    assert len(plan) == 64 and set(plan.objective) == {"main", "regularization"}
    assert plan.sample.tolist() == list(range(64)) and (plan.weight == 1).all()
    for row, objective in enumerate(plan.objective):
        mask = batch.mask[row] if objective == "main" else torch.ones_like(batch.mask[row])
        text = batch.class_name[row] if objective == "main" else batch.caption[row]
        assert torch.equal(plan.noise_mask[row], mask) and torch.equal(plan.loss_mask[row], mask)
        assert plan.text[row] == text


def test_what_a_sample_is_drawn_to_depends_on_no_other_sample():
    regularizer = DecouplingRegularizer(Constant(0.5), caption_share=0.5)
    whole = regularizer(tiny_batch(64), step=3)
    first, second = (regularizer(tiny_batch(32, first_key=key), step=3) for key in (0, 32))
    assert whole.objective == first.objective + second.objective
    assert whole.text == first.text + second.text


def test_a_share_of_main_samples_can_read_the_caption():
    batch = tiny_batch(MANY)
    plan = DecouplingRegularizer(Constant(0.5), caption_share=0.25)(batch, step=0)
    main = [row for row, objective in enumerate(plan.objective) if objective == "main"]
    captioned = [row for row in main if plan.text[row] == batch.caption[row]]
    assert within_five_sigma(len(captioned), 0.25, total=len(main))
    assert all(torch.equal(plan.noise_mask[row], batch.mask[row]) for row in captioned)
    # The objective and the text are drawn apart: the setting of one leaves the other's draws alone.
    assert plan.objective == DecouplingRegularizer(Constant(0.5))(batch, step=0).objective


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_probabilities_outside_0_to_1_are_refused_with_the_fix(value):
    with pytest.raises(SettingError, match=rf"at step 7 is {value}. Set it to a value from 0 to 1"):
        DecouplingRegularizer(Constant(value))(tiny_batch(2), step=7)
    with pytest.raises(SettingError, match=rf"caption_share is {value}. Set it to a value from 0 to 1"):
        DecouplingRegularizer(caption_share=value)


def test_the_added_term_gives_two_rows_a_sample():
    batch = tiny_batch(3)
    plan = AddedTermRegularizer(Constant(0.3))(batch, step=0)
    assert plan.sample.tolist() == [0, 1, 2, 0, 1, 2]
    assert plan.objective == ["main"] * 3 + ["regularization"] * 3
    assert plan.text == batch.class_name + batch.caption
    assert plan.weight.tolist() == pytest.approx([1, 1, 1, 0.3, 0.3, 0.3])


def test_the_added_term_is_left_out_where_its_weight_is_0():
    regularizer = AddedTermRegularizer(Warmup(1.0, steps=10))
    assert len(regularizer(tiny_batch(3), step=0)) == 3
    assert len(regularizer(tiny_batch(3), step=1)) == 6
    assert regularizer.strength(5) == 0.5


def test_the_added_terms_loss_is_l_plus_lambda_l_reg():
    plan = AddedTermRegularizer(Constant(0.3))(tiny_batch(5), step=0)
    losses = torch.rand(10, generator=torch.Generator().manual_seed(0))
    expected = losses[:5].mean() + 0.3 * losses[5:].mean()
    torch.testing.assert_close(batch_loss(losses, plan.weight, samples=5), expected)


def test_a_negative_weight_is_refused_with_the_fix():
    with pytest.raises(SettingError, match=r"at step 4 is -0.5. Set a schedule that stays at 0 or above"):
        AddedTermRegularizer(Constant(-0.5))(tiny_batch(2), step=4)


def test_left_out_schedules_are_our_choice_of_a_fifth():
    assert DecouplingRegularizer().strength(0) == AddedTermRegularizer().strength(10**6) == 0.2


@pytest.mark.parametrize(
    "regularizer", [DecouplingRegularizer(Warmup(0.4, 10), caption_share=0.5), AddedTermRegularizer(Linear(0, 1, 10))]
)
def test_each_is_written_down_and_made_again(regularizer):
    made = make(describe(regularizer), Regularizer)
    assert type(made) is type(regularizer) and made.strength(5) == regularizer.strength(5)
    assert describe(made) == describe(regularizer)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("regularizer", [DecouplingRegularizer(Constant(0.5)), AddedTermRegularizer()])
def test_plans_are_made_on_the_masks_device_without_waiting_for_it(regularizer):
    batch = tiny_batch(8).to("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        plan = regularizer(batch, step=0)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert {plan.sample.device, plan.noise_mask.device, plan.loss_mask.device, plan.weight.device} == {
        batch.mask.device
    }
