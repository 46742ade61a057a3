import torch
from oracles.batches import tiny_batch

from dreaminpainter.regularization.plans import choose_rows, main_plan, regularization_plan, stack


def test_the_main_objective_noises_and_counts_the_hole_and_reads_the_class_name():
    batch = tiny_batch(3)
    plan = main_plan(batch)
    assert torch.equal(plan.noise_mask, batch.mask) and torch.equal(plan.loss_mask, batch.mask)
    assert plan.text == batch.class_name and plan.objective == ["main"] * 3
    assert plan.sample.tolist() == [0, 1, 2] and plan.sample.dtype == torch.int64
    assert plan.weight.tolist() == [1, 1, 1]


def test_the_regularization_noises_and_counts_the_whole_image_and_reads_the_caption():
    batch = tiny_batch(3)
    plan = regularization_plan(batch)
    assert plan.noise_mask.shape == batch.mask.shape and (plan.noise_mask == 1).all() and (plan.loss_mask == 1).all()
    assert plan.text == batch.caption and plan.objective == ["regularization"] * 3
    assert plan.sample.tolist() == [0, 1, 2] and plan.weight.tolist() == [1, 1, 1]


def test_chosen_rows_are_whole_rows_of_one_plan_or_the_other():
    batch = tiny_batch(4)
    main, regularization = main_plan(batch), regularization_plan(batch)
    regularization.weight *= 3
    chosen = choose_rows(main, regularization, [False, True, True, False])
    for row, plan in enumerate([main, regularization, regularization, main]):
        for name in ("sample", "noise_mask", "loss_mask", "weight"):
            assert torch.equal(getattr(chosen, name)[row], getattr(plan, name)[row])
        assert (chosen.text[row], chosen.objective[row]) == (plan.text[row], plan.objective[row])


def test_stacked_plans_keep_their_order():
    batch = tiny_batch(2)
    both = stack(main_plan(batch), regularization_plan(batch))
    assert len(both) == 4 and both.sample.tolist() == [0, 1, 0, 1]
    assert both.objective == ["main", "main", "regularization", "regularization"]
    assert both.text == batch.class_name + batch.caption
    assert torch.equal(both.noise_mask[:2], batch.mask) and (both.noise_mask[2:] == 1).all()


def test_planning_leaves_the_batch_as_it_was():
    batch = tiny_batch(2)
    before, names = batch.mask.clone(), list(batch.class_name)
    plan = choose_rows(main_plan(batch), regularization_plan(batch), [True, True])
    plan.text.append("more")
    main_plan(batch).text.append("more")
    assert torch.equal(batch.mask, before) and batch.class_name == names
