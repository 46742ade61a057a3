import torch
from oracles.batches import tiny_batch

from dreaminpainter.components import describe, make
from dreaminpainter.regularization import NoRegularizer, Regularizer


def test_every_sample_trains_the_main_objective():
    batch = tiny_batch(5)
    plan = NoRegularizer()(batch, step=100)
    assert plan.objective == ["main"] * 5 and plan.text == batch.class_name
    assert torch.equal(plan.noise_mask, batch.mask) and torch.equal(plan.loss_mask, batch.mask)
    assert NoRegularizer().strength(100) == 0


def test_it_is_written_down_and_made_again():
    assert isinstance(make(describe(NoRegularizer()), Regularizer), NoRegularizer)
