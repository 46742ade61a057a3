"""What tokens are trained to tell, where the truth is known."""

from dataclasses import replace

import pytest
import torch
from oracles.supervision import mean_cross_entropy
from tiny import RATES, loader, quiet_trainer, randn, tiny_batch, tiny_model, train_a_step
from tiny_run import fitted, flags

from dreaminpainter.checkpoints import load_pipeline, weights_of
from dreaminpainter.errors import SettingError
from dreaminpainter.module import DreamInpainter
from dreaminpainter.regularization import AddedTermRegularizer, NoRegularizer
from dreaminpainter.regularization.plans import main_plan
from dreaminpainter.supervision import AttributeReader, AttributeSupervision
from dreaminpainter.types import Batch

VALUES = {"eyes": ["beads", "round", "cyclops"], "body": ["egg", "cat"]}
KNOWN = [{"eyes": "cyclops", "body": "egg"}, {"eyes": "beads"}, {}, {"eyes": "round", "body": "cat", "hat": "crown"}]
CODES: dict[str, list[int | None]] = {"eyes": [2, 0, None, 1], "body": [0, None, None, 1]}


def built() -> AttributeReader:
    """Classifiers of 8 wide vectors that have already learned something, of whatever."""
    reader = AttributeReader(VALUES, width=8)
    with torch.no_grad():
        for number, parameter in enumerate(reader.parameters()):
            parameter.copy_(randn(*parameter.shape, seed=number))
    return reader


def test_the_loss_is_the_mean_of_each_attributes_mean_cross_entropy() -> None:
    reader, vectors = built(), randn(4, 5, 8, seed=9)
    expected = [
        mean_cross_entropy(vectors, query, layer.weight, layer.bias, CODES[name])
        for name, query, layer in zip(VALUES, reader.queries, reader.classifiers, strict=True)
    ]
    assert reader(vectors, KNOWN).item() == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_where_nothing_is_known_the_loss_is_zero_and_every_classifier_still_has_a_gradient() -> None:
    reader = built()
    loss = reader(randn(2, 5, 8), [{}, {"hat": "crown"}])
    loss.backward()
    assert loss.item() == 0
    # Several processes wait for each other's gradients: one without known samples must have them too.
    assert all(value.grad is not None and not value.grad.any() for value in reader.parameters())


def test_what_is_told_is_measured_over_the_samples_of_which_it_is_known() -> None:
    reader, vectors = built(), randn(4, 5, 8, seed=9)
    guesses = {name: logits.argmax(1).tolist() for name, logits in reader.logits(vectors).items()}
    for _ in range(2):  # over more than one batch
        told = reader.measure(vectors, KNOWN)
    for name, codes in CODES.items():
        right = [guess == code for guess, code in zip(guesses[name], codes, strict=True) if code is not None]
        assert told[name].compute().item() == pytest.approx(sum(right) / len(right))


def test_a_value_that_is_not_among_the_settings_is_named_with_those_that_are() -> None:
    with pytest.raises(SettingError, match=r"eyes is 'sleepy'.*beads, round, cyclops"):
        built()(randn(1, 5, 8), [{"eyes": "sleepy"}])


@pytest.mark.parametrize(("values", "weight"), [({"eyes": []}, 0.1), (VALUES, -0.1), (VALUES, float("nan"))])
def test_settings_that_make_no_sense_are_refused(values: dict[str, list[str]], weight: float) -> None:
    with pytest.raises(SettingError, match=r"weight|values"):
        AttributeSupervision(VALUES, values, weight=weight)


def test_nothing_to_tell_is_refused() -> None:
    with pytest.raises(SettingError, match="nothing to tell"):
        AttributeSupervision({})


def supervised(weight: float = 0.5, states: dict[str, list[str]] | None = VALUES, block: int = 0) -> DreamInpainter:
    supervision = AttributeSupervision(VALUES, states, block, weight)
    return tiny_model(supervision=supervision, learning_rates=RATES | {"supervision": 1e-2})


def known_batch(count: int = 4) -> Batch:
    return replace(tiny_batch(count), attributes=[KNOWN[number % 4] for number in range(count)])


def gradient(model: DreamInpainter, part: str) -> float:
    """The norm of a part's gradient after two steps; in the first, classifiers are zero and pass none on."""
    for _ in range(2):
        train_a_step(model, known_batch())
    return sum(value.grad.norm().item() for name, value in model.network.named_parameters() if name.startswith(part))


def test_a_training_step_adds_both_losses_to_that_of_the_noise() -> None:
    model, batch = supervised(), known_batch()
    plan = model.regularizer(batch, 0)
    rows = model(batch, plan)
    loss, plain = (one.training_step(batch, 0)["loss"] for one in (model, tiny_model()))
    rows_known = [batch.attributes[sample] for sample in plan.sample.tolist()]
    readers = model.supervision.readers
    expected = readers["tokens"](rows["tokens"], batch.attributes) + readers["states"](rows["states"], rows_known)
    torch.testing.assert_close(loss, plain + 0.5 * expected)


def test_states_are_told_row_by_row_where_a_plan_has_a_sample_twice() -> None:
    model, batch = supervised(), known_batch()
    model.regularizer = AddedTermRegularizer()
    rows = model(batch, model.regularizer(batch, 0))
    assert len(rows["tokens"]) == 4 and len(rows["states"]) == 8
    assert model.training_step(batch, 0)["loss"].isfinite()


def test_it_teaches_the_layers_that_the_reference_is_read_with() -> None:
    assert gradient(supervised(100.0, states=None), "adapter.projector") > 3 * gradient(
        tiny_model(), "adapter.projector"
    )


@pytest.mark.parametrize("block", [0, 1])
def test_states_teach_the_blocks_up_to_theirs_and_none_behind_it(block: int) -> None:
    model, plain = supervised(100.0, block=block), tiny_model()
    for number in (0, 1):
        taught, before = (gradient(one, f"unet.up_blocks.{number}.attentions") for one in (model, plain))
        assert (taught > 3 * before) == (number <= block), number


def test_states_are_not_kept_once_a_step_is_done() -> None:
    model = supervised()
    train_a_step(model, known_batch())
    assert not model.network.unet.up_blocks[0]._forward_hooks


def test_states_alone_can_be_supervised_whatever_their_attributes_are_called() -> None:
    supervision = AttributeSupervision({}, {"type": ["a", "b"], "v.1": ["c", "d"]})
    model = tiny_model(supervision=supervision, learning_rates=RATES | {"supervision": 1e-2})
    batch = replace(tiny_batch(2), attributes=[{"type": "b"}, {"v.1": "c"}])
    assert train_a_step(model, batch).isfinite()
    rows = model(batch, main_plan(batch))
    assert supervision.measure(rows, {"states": batch.attributes}).keys() == {"states_tell_type", "states_tell_v.1"}


def test_a_block_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingError, match=r"up blocks 0 to 1, and no block=2"):
        supervised(block=2)


def test_tokens_and_states_come_to_tell_what_they_are_trained_to_tell() -> None:
    model, batch = supervised(weight=1.0), known_batch()
    model.regularizer = NoRegularizer()  # which trains on exactly what is measured here
    plan, known = main_plan(batch), {"tokens": batch.attributes, "states": batch.attributes}
    before = model.supervision(model(batch, plan), known)
    quiet_trainer(max_steps=60).fit(model, loader(*[batch] * 60))
    rows = model(batch, plan)
    assert model.supervision(rows, known) < 0.2 * before
    told = {name: share.compute().item() for name, share in model.supervision.measure(rows, known).items()}
    assert told.keys() == {f"{on}_tell_{name}" for on in ("tokens", "states") for name in VALUES}
    assert set(told.values()) == {1.0}


def test_classifiers_without_a_rate_are_refused_and_a_rate_without_classifiers_too() -> None:
    with pytest.raises(SettingError, match="rate for supervision"):
        tiny_model(supervision=AttributeSupervision(VALUES))
    with pytest.raises(SettingError, match="supervision"):
        tiny_model(learning_rates=RATES | {"supervision": 1e-3})


SUPERVISED = flags(
    {
        "model.supervision": "AttributeSupervision",
        "model.supervision.tokens": "{eyes: [beads, round, sleepy, cyclops]}",
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
