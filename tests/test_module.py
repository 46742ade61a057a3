from dataclasses import replace

import pytest
import torch
from tiny import (
    RATES,
    loader,
    quiet_trainer,
    save_stock_networks,
    tiny_backbone,
    tiny_batch,
    tiny_model,
    train_a_step,
)

from dreaminpainter.backbones import PretrainedBackbone
from dreaminpainter.diffusion import mask_to_latents, noise_like
from dreaminpainter.encoding import encode_images
from dreaminpainter.features import UNetFeatures
from dreaminpainter.injection import AllBlocks, DecoupledKeyValues, UpBlocks
from dreaminpainter.input_forms import Composite, NineChannel
from dreaminpainter.randomness import uniform
from dreaminpainter.regularization import AddedTermRegularizer, Constant, DecouplingRegularizer, NoRegularizer, Warmup
from dreaminpainter.regularization.plans import main_plan, regularization_plan
from dreaminpainter.selection import AllTokens, AttentionRollout, CosineDistance, RandomTokens
from dreaminpainter.weighting import MinSNRWeighting


@pytest.mark.parametrize("form", [Composite(), NineChannel()], ids=["composite", "nine"])
@pytest.mark.parametrize("injection", [UpBlocks, AllBlocks, DecoupledKeyValues])
@pytest.mark.parametrize("weights", ["shared", "stopped", "frozen"])
def test_every_trained_parameter_gets_a_gradient(form, injection, weights):
    model = tiny_model(input_form=form, injection=injection(), extractor=UNetFeatures(weights=weights))
    train_a_step(model)
    unused = [name for name, value in model.named_parameters() if value.requires_grad and value.grad is None]
    assert unused == []


@pytest.mark.parametrize("part", ["unet", "cross_attention", "adapter", "text_encoder"])
def test_every_part_can_train_alone(part):
    model = tiny_model(learning_rates={part: 1e-3})
    train_a_step(model)
    unused = [name for name, value in model.named_parameters() if value.requires_grad and value.grad is None]
    assert unused == []


@pytest.mark.parametrize(
    "selector", [CosineDistance(k=4), RandomTokens(k=4), AttentionRollout(k=4), AllTokens(), CosineDistance(k=64)]
)
def test_every_selector_trains_and_fills(selector):
    model = tiny_model(selector=selector)
    assert train_a_step(model).isfinite()
    assert model.fill(tiny_batch(), num_inference_steps=1).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("regularizer", [DecouplingRegularizer, AddedTermRegularizer, NoRegularizer])
def test_two_models_of_one_seed_have_identical_losses(regularizer):
    losses = []
    for _ in range(2):
        model = tiny_model(seed=3, regularizer=regularizer())
        losses.append([train_a_step(model, tiny_batch(2, first=first)).item() for first in (0, 2, 4)])
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 3


def test_a_loss_does_not_depend_on_the_global_random_state():
    model, batch = tiny_model(), tiny_batch()
    torch.manual_seed(1)
    first = model.training_step(batch, 0)["loss"]
    torch.manual_seed(2)
    assert torch.equal(model.training_step(batch, 0)["loss"], first)


@pytest.mark.parametrize("plan", [main_plan, regularization_plan])
@pytest.mark.parametrize("selector", [CosineDistance(k=8), RandomTokens(k=8)], ids=["cosine", "random"])
def test_a_samples_loss_does_not_depend_on_what_else_is_in_the_batch(plan, selector):
    model, batch = tiny_model(selector=selector), tiny_batch(3)
    together = model(batch, plan(batch))
    for number in range(3):
        single = tiny_batch(1, first=number)
        alone = model(single, plan(single))
        assert together["timesteps"][number] == alone["timesteps"][0]
        torch.testing.assert_close(together["losses"][number], alone["losses"][0], rtol=1e-4, atol=1e-5)


def test_rows_of_an_added_term_have_the_losses_that_they_have_alone():
    model, batch = tiny_model(text_dropout=0.0).train(), tiny_batch()
    both = model(batch, AddedTermRegularizer(Constant(0.5))(batch, 0))
    main, regularization = (model(batch, plan(batch)) for plan in (main_plan, regularization_plan))
    torch.testing.assert_close(
        both["losses"], torch.cat([main["losses"], regularization["losses"]]), rtol=1e-4, atol=1e-5
    )
    assert not torch.equal(main["timesteps"], regularization["timesteps"])  # each term has its own noise


def test_the_loss_counts_where_its_mask_is_and_nowhere_else():
    model, batch = tiny_model(), tiny_batch()
    plan = main_plan(batch)
    predictions = []
    model.network.unet.register_forward_hook(lambda module, given, output: predictions.append(output))
    losses = model(batch, plan)["losses"]

    def shifted(where):
        def hook(module, given, output):
            return replace(output, sample=output.sample + 5 * where) if hasattr(output, "sample") else output

        handle = model.network.unet.register_forward_hook(hook)
        changed = model(batch, plan)["losses"]
        handle.remove()
        return changed

    hole = mask_to_latents(batch.mask, (8, 8))
    torch.testing.assert_close(shifted(1 - hole), losses)
    assert ((shifted(hole) - losses).abs() > 1).all()


def test_details_count_as_often_as_the_weight_says():
    backbone = tiny_backbone(prediction_type="epsilon")
    model, batch = tiny_model(backbone=backbone, detail_weight=5.0, text_dropout=0.0).train(), tiny_batch()
    batch.detail_mask = torch.zeros_like(batch.mask)
    batch.detail_mask[:, :, 14:18, 14:18] = 1
    plan, seen = main_plan(batch), []
    model.network.unet.conv_out.register_forward_hook(lambda module, given, output: seen.append(output))
    losses = model(batch, plan)["losses"]

    hole, details = (mask_to_latents(mask, seen[0].shape[-2:]) for mask in (batch.mask, batch.detail_mask))
    assert 0 < (hole * details).sum() < hole.sum()
    noise = noise_like(seen[0], model._row_keys(batch, plan))
    expected = []
    for row in range(2):
        total = count = 0.0
        for y, x in (hole[row, 0] > 0).nonzero().tolist():
            often = 5.0 if details[row, 0, y, x] else 1.0
            total += often * (seen[0][row, :, y, x] - noise[row, :, y, x]).square().mean().item()
            count += often
        expected.append(total / count)
    torch.testing.assert_close(losses, torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_validation_hears_details_no_more_than_the_rest():
    model, batch = tiny_model(detail_weight=5.0).eval(), tiny_batch()
    unmarked = model(batch, main_plan(batch))["losses"]
    batch.detail_mask = torch.zeros_like(batch.mask)
    batch.detail_mask[:, :, 14:18, 14:18] = 1
    assert torch.equal(model(batch, main_plan(batch))["losses"], unmarked)


def test_the_training_loss_is_the_weighted_mean_over_samples():
    model, batch = (
        tiny_model(regularizer=AddedTermRegularizer(Constant(0.5)), weighting=MinSNRWeighting()),
        tiny_batch(),
    )
    step = model.training_step(batch, 0)
    weight = torch.tensor([1.0, 1.0, 0.5, 0.5]) * MinSNRWeighting()(step["timesteps"], model.scheduler)
    torch.testing.assert_close(step["loss"], (step["losses"] * weight).sum() / 2)
    assert step["objective"] == ["main", "main", "regularization", "regularization"]
    assert not step["losses"].requires_grad and step["loss"].requires_grad
    plain = tiny_model(regularizer=AddedTermRegularizer(Constant(0.5)))
    assert not torch.isclose(plain.training_step(batch, 0)["loss"], step["loss"])


def test_the_regularizer_is_asked_at_the_global_step():
    model = tiny_model(regularizer=AddedTermRegularizer(Warmup(1.0, steps=2)))
    seen = []
    model.regularizer.register_forward_hook(lambda module, given, plan: seen.append((given[1], plan.weight[-1].item())))
    quiet_trainer(max_steps=3).fit(model, loader(*[tiny_batch()] * 3))
    assert seen == [(0, 1.0), (1, 0.5), (2, 1.0)]  # at weight 0 only the main rows are left, of weight 1


def texts_read(model, batch) -> list[str]:
    return model._texts(batch, main_plan(batch))


def test_texts_are_dropped_at_the_rate_set_by_the_samples_keys():
    model, batch = tiny_model(text_dropout=0.3).train(), tiny_batch(1)
    count = 4000
    many = replace(batch, key=torch.arange(count) * 31 + 7, class_name=["critter"] * count, id=[""] * count)
    many = replace(many, mask=torch.ones(count, 1, 1, 1))
    texts = texts_read(model, many)
    assert texts == texts_read(model, many)
    assert set(texts) == {"", "critter"}
    assert texts.count("") / count == pytest.approx(0.3, abs=0.03)
    # A sample keeps its text or loses it, whatever stands beside it.
    part = replace(many, key=many.key[100:200], class_name=["critter"] * 100, id=[""] * 100, mask=many.mask[:100])
    assert texts_read(model, part) == texts[100:200]


def test_nothing_is_dropped_outside_of_training():
    model, batch = tiny_model(text_dropout=1.0, reference_dropout=1.0).eval(), tiny_batch()
    assert texts_read(model, batch) == batch.class_name
    assert model._dropped_references(batch.key) is None
    assert texts_read(model.train(), batch) == ["", ""]
    assert model._dropped_references(batch.key).all()


def test_a_dropped_reference_leaves_no_trace_in_the_loss():
    model, batch = tiny_model(reference_dropout=0.5).train(), tiny_batch(6)
    plan = main_plan(batch)
    dropped = uniform(model._row_keys(batch, plan), (), "reference dropout") < 0.5
    assert 0 < dropped.sum() < 6
    before = model(batch, plan)["losses"]
    other = replace(batch, reference=replace(batch.reference, pixels=-batch.reference.pixels))
    same = torch.isclose(model(other, plan)["losses"], before, rtol=1e-6, atol=1e-7)
    assert torch.equal(same, dropped)


def test_validation_gives_the_same_losses_at_every_call():
    model, trainer = tiny_model(), quiet_trainer()
    batches = loader(tiny_batch(2), tiny_batch(2, first=2))
    first, second = (trainer.validate(model, batches, verbose=False)[0] for _ in range(2))
    assert first == second and set(first) == {"val/loss_main", "val/loss_regularization"}
    assert set(trainer.test(model, batches, verbose=False)[0]) == {"test/loss_main", "test/loss_regularization"}
    singles = loader(*[tiny_batch(1, first=number) for number in (3, 1, 0, 2)])
    assert trainer.validate(model, singles, verbose=False)[0] == pytest.approx(first, rel=1e-5)


def test_prediction_fills_with_the_caption_from_the_samples_keys():
    model, batch = tiny_model().eval(), tiny_batch()
    filled = model.fill(batch, num_inference_steps=2)
    assert torch.equal(model.fill(batch, num_inference_steps=2), filled)
    torch.testing.assert_close(filled * (1 - batch.mask), (batch.image / 2 + 0.5) * (1 - batch.mask), rtol=0, atol=0)
    recaptioned = replace(batch, caption=["a hat", "a hat"], class_name=["x", "x"])
    assert (model.fill(recaptioned, num_inference_steps=2) - filled).abs().max() > 1e-4


def scene_seen(model, batch) -> torch.Tensor:
    """What the UNet sees of the scene in training: clean latents outside the hole, or the scene's own channels."""
    inputs = []
    handle = model.network.unet.conv_in.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
    model(batch, main_plan(batch))
    handle.remove()
    given = inputs[-1]
    if isinstance(model.input_form, NineChannel):
        return given[:, 5:]
    return given[:, :4] * (1 - given[:, 4:])


@pytest.mark.parametrize(
    ("form", "leaks"), [(Composite(), True), (Composite(blank_hole=True), False), (NineChannel(), False)]
)
def test_what_the_hole_held_cannot_be_read_from_a_blanked_scene(form, leaks, tmp_path):
    save_stock_networks(tmp_path)  # an autoencoder of convolutions, whose latents tell of their neighbours
    model, batch = tiny_model(backbone=PretrainedBackbone(str(tmp_path)), input_form=form), tiny_batch()
    before = scene_seen(model, batch)
    other = replace(batch, image=torch.where(batch.mask > 0, -batch.image, batch.image))
    assert torch.equal(scene_seen(model, other), before) != leaks
    moved = replace(batch, image=torch.where(batch.mask > 0, batch.image, -batch.image))
    assert not torch.equal(scene_seen(model, moved), before)


def test_the_noise_is_in_the_hole_and_the_scene_around_it_clean():
    model, batch = tiny_model(), tiny_batch()
    inputs = []
    model.network.unet.conv_in.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
    model(batch, main_plan(batch))
    clean, hole = encode_images(model.vae, batch.image), mask_to_latents(batch.mask, (8, 8))
    given = inputs[-1]
    assert torch.equal(given[:, 48:], hole)
    assert torch.equal(given[:, :48] * (1 - hole), clean * (1 - hole))
    assert (given[:, :48] != clean)[hole.expand_as(clean) > 0].float().mean() > 0.99


def test_cached_latents_give_the_losses_of_the_pictures():
    model, batch = tiny_model(), tiny_batch()
    cached = replace(
        batch,
        latents=encode_images(model.vae, batch.image),
        reference=replace(batch.reference, latents=encode_images(model.vae, batch.reference.pixels)),
    )
    plan = main_plan(batch)
    assert torch.equal(model(cached, plan)["losses"], model(batch, plan)["losses"])


def test_gradient_checkpointing_gives_the_same_gradients():
    gradients = []
    for checkpointing in (False, True):
        model = tiny_model(gradient_checkpointing=checkpointing, selector=AttentionRollout(k=6))
        train_a_step(model)
        gradients.append({name: value.grad for name, value in model.named_parameters() if value.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_rates_and_their_schedule_reach_the_optimizer():
    model = tiny_model(lr_schedule=Warmup(1.0, steps=4), optimizer=torch.optim.SGD)
    configured = model.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    assert isinstance(optimizer, torch.optim.SGD) and configured["lr_scheduler"]["interval"] == "step"
    assert [group["name"] for group in optimizer.param_groups] == list(RATES)
    for expected in (0.25, 0.5, 0.75):
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
            [rate * expected for rate in RATES.values()]
        )
        optimizer.step()
        schedule.step()


def test_portrait_scenes_train_and_fill():
    batch = tiny_batch()
    tall = replace(batch, image=torch.cat([batch.image] * 2, dim=2), mask=torch.cat([batch.mask] * 2, dim=2))
    model = tiny_model(image_size=(64, 32))
    assert train_a_step(model, tall).isfinite()
    assert model.fill(tall, num_inference_steps=1).shape == (2, 3, 64, 32)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_model_learns_to_overfit_one_picture(prediction):
    model = tiny_model(
        backbone=tiny_backbone(prediction_type=prediction), regularizer=NoRegularizer(), text_dropout=0.0
    )
    batch = tiny_batch()
    losses = [train_a_step(model, batch).item() for _ in range(2)]
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=2e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss = model.training_step(batch, 0)["loss"]
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5 * losses[0]
