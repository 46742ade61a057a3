"""What tokens are trained to tell, where the truth is known."""

from dataclasses import replace

import pytest
import torch
from oracles.supervision import mean_cross_entropy
from tiny import RATES, loader, quiet_trainer, randn, tiny_batch, tiny_model, train_a_step
from tiny_run import fitted, flags

from dreaminpainter.checkpoints import load_pipeline, weights_of
from dreaminpainter.errors import SettingError
from dreaminpainter.supervision import AttributeSupervision

VALUES = {"eyes": ["beads", "round", "cyclops"], "body": ["egg", "cat"]}
KNOWN = [{"eyes": "cyclops", "body": "egg"}, {"eyes": "beads"}, {}, {"eyes": "round", "body": "cat", "hat": "crown"}]
CODES: dict[str, list[int | None]] = {"eyes": [2, 0, None, 1], "body": [0, None, None, 1]}


def built(weight: float = 0.5) -> AttributeSupervision:
    """Classifiers of 8 wide tokens that have already learned something, of whatever."""
    supervision = AttributeSupervision(VALUES, weight).build(width=8)
    with torch.no_grad():
        for number, parameter in enumerate(supervision.parameters()):
            parameter.copy_(randn(*parameter.shape, seed=number))
    return supervision


def test_the_loss_is_the_weighted_mean_of_each_attributes_mean_cross_entropy() -> None:
    supervision, tokens = built(weight=0.5), randn(4, 5, 8, seed=9)
    expected = [
        mean_cross_entropy(tokens, query, layer.weight, layer.bias, CODES[name])
        for name, query, layer in zip(VALUES, supervision.queries, supervision.classifiers, strict=True)
    ]
    assert supervision(tokens, KNOWN).item() == pytest.approx(0.5 * sum(expected) / 2, rel=1e-5)


def test_where_nothing_is_known_the_loss_is_zero_and_every_classifier_still_has_a_gradient() -> None:
    supervision = built()
    loss = supervision(randn(2, 5, 8), [{}, {"hat": "crown"}])
    loss.backward()
    assert loss.item() == 0
    # Several processes wait for each other's gradients: one without known samples must have them too.
    assert all(value.grad is not None and not value.grad.any() for value in supervision.parameters())


def test_what_is_told_is_measured_over_the_samples_of_which_it_is_known() -> None:
    supervision, tokens = built(), randn(4, 5, 8, seed=9)
    guesses = {name: logits.argmax(1).tolist() for name, logits in supervision.logits(tokens).items()}
    for _ in range(2):  # over more than one batch
        told = supervision.measure(tokens, KNOWN)
    for name, codes in CODES.items():
        right = [guess == code for guess, code in zip(guesses[name], codes, strict=True) if code is not None]
        assert told[name].compute().item() == pytest.approx(sum(right) / len(right))


def test_a_value_that_is_not_among_the_settings_is_named_with_those_that_are() -> None:
    with pytest.raises(SettingError, match=r"eyes is 'sleepy'.*beads, round, cyclops"):
        built()(randn(1, 5, 8), [{"eyes": "sleepy"}])


@pytest.mark.parametrize(("values", "weight"), [({}, 0.1), ({"eyes": []}, 0.1), (VALUES, -0.1), (VALUES, float("nan"))])
def test_settings_that_make_no_sense_are_refused(values: dict[str, list[str]], weight: float) -> None:
    with pytest.raises(SettingError, match=r"weight|values"):
        AttributeSupervision(values, weight)


def supervised(weight: float = 0.5, **settings):
    return tiny_model(
        supervision=AttributeSupervision(VALUES, weight), learning_rates=RATES | {"supervision": 1e-2}, **settings
    )


def known_batch(count: int = 4):
    return replace(tiny_batch(count), attributes=[KNOWN[number % 4] for number in range(count)])


def test_a_training_step_adds_it_to_the_loss_of_the_noise() -> None:
    model, batch = supervised(), known_batch()
    tokens = model(batch, model.regularizer(batch, 0))["tokens"]
    loss, plain = (one.training_step(batch, 0)["loss"] for one in (model, tiny_model()))
    torch.testing.assert_close(loss, plain + model.supervision(tokens, batch.attributes))


def test_it_teaches_the_layers_that_the_reference_is_read_with() -> None:
    with_it, without = supervised(weight=100.0), tiny_model()
    for model in (with_it, without):
        train_a_step(model, known_batch())
        train_a_step(model, known_batch())  # at first the classifiers are zero, and pass nothing on
    one, other = (model.network.adapter.projector[0].weight.grad for model in (with_it, without))
    assert one.norm() > 3 * other.norm()


def test_tokens_come_to_tell_what_they_are_trained_to_tell() -> None:
    model, batch = supervised(weight=1.0), known_batch()
    trainer = quiet_trainer(max_steps=40)
    trainer.fit(model, loader(*[batch] * 40))
    told = model.supervision.measure(model.network.read(model._encoded(batch.reference)).tokens, batch.attributes)
    assert {name: share.compute().item() for name, share in told.items()} == {"eyes": 1.0, "body": 1.0}


def test_classifiers_without_a_rate_are_refused_and_a_rate_without_classifiers_too() -> None:
    with pytest.raises(SettingError, match="rate for supervision"):
        tiny_model(supervision=AttributeSupervision(VALUES))
    with pytest.raises(SettingError, match="supervision"):
        tiny_model(learning_rates=RATES | {"supervision": 1e-3})


SUPERVISED = flags(
    {
        "model.supervision": "AttributeSupervision",
        "model.supervision.values": "{eyes: [beads, round, sleepy, cyclops]}",
        "model.learning_rates": "{unet: 1e-3, adapter: 1e-3, supervision: 1e-3}",
    }
)


def test_a_checkpoint_fills_and_starts_others_without_its_classifiers(tmp_path) -> None:
    written = fitted(tmp_path / "first", *SUPERVISED)
    assert any(name.startswith("supervision.") for name in written["state_dict"])
    path = str(tmp_path / "first" / "checkpoints" / "last.ckpt")
    load_pipeline(path)
    assert not any(name.startswith("supervision.") for name in weights_of(path))
    fitted(tmp_path / "next", *SUPERVISED, "--model.init_from", path, steps=1)
