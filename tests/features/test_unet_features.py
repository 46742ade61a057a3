import numpy as np
import pytest
import torch
from oracles.attention import mean_maps
from tiny import randn, tiny_batch, tiny_model, tiny_unet, train_a_step

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.features import UNetFeatures
from dreaminpainter.injection import UpBlocks
from dreaminpainter.selection import AttentionRollout
from dreaminpainter.types import Reference


def read_unet(**settings):
    unet = tiny_unet(**settings)
    UpBlocks().attach(unet)
    return unet


def reference() -> Reference:
    mask = torch.zeros(2, 1, 64, 64)
    mask[0, :, 9, 17] = 1
    mask[1] = 1
    return Reference(
        torch.ones(2, 3, 64, 64), mask, ["", ""], latents=randn(2, 4, 16, 16), text_states=randn(2, 7, 32, seed=1)
    )


@pytest.mark.parametrize(("block", "side", "width"), [(0, 16, 16), (1, 8, 32), (2, 4, 32)])
def test_tokens_are_the_blocks_cells_row_by_row(block, side, width):
    unet, given = read_unet(), reference()
    extractor = UNetFeatures(block=block, timestep=40)
    features = extractor(given, unet)
    assert features.tokens.shape == (2, side * side, width) and features.grid == (side, side)
    assert extractor.token_width(unet) == width
    assert not features.has_class_token

    cells = unet(given.latents, 40, given.text_states, read_block=block)
    torch.testing.assert_close(features.tokens[:, side + 2], cells[:, :, 1, 2])


def test_valid_tokens_are_those_that_touch_the_subject():
    features = UNetFeatures(block=1)(reference(), read_unet())
    assert features.valid[0].nonzero().flatten().tolist() == [1 * 8 + 2]
    assert features.valid[1].all()


@pytest.mark.parametrize("in_channels", [5, 9])
def test_a_widened_unet_reads_a_clean_picture_with_nothing_to_fill(in_channels):
    given = reference()
    seen = []
    unet = read_unet(in_channels=in_channels)
    unet.conv_in.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    UNetFeatures()(given, unet)
    torch.testing.assert_close(seen[0][:, :4], given.latents, rtol=0, atol=0)
    assert not seen[0][:, 4].any()
    if in_channels == 9:
        torch.testing.assert_close(seen[0][:, 5:], given.latents, rtol=0, atol=0)


def test_attentions_come_only_when_asked_for_and_are_the_blocks_own():
    unet, given, extractor = read_unet(), reference(), UNetFeatures(block=2)
    assert extractor(given, unet).attentions is None

    hidden = []
    for layer in unet.down_blocks[2].attentions:
        layer.transformer_blocks[0].attn1.register_forward_pre_hook(
            lambda module, arguments: hidden.append(arguments[0])
        )
    extractor.record_attentions = True
    attentions = extractor(given, unet).attentions
    assert attentions.shape == (2, 2, 16, 16)
    np.testing.assert_allclose(attentions.sum(-1).numpy(), 1, rtol=1e-5)
    for number, layer in enumerate(unet.down_blocks[2].attentions):
        attn = layer.transformer_blocks[0].attn1
        np.testing.assert_allclose(
            attentions[:, number].numpy(), mean_maps(attn, hidden[number], hidden[number]), atol=1e-6
        )


def test_a_block_without_attention_has_none_to_give():
    extractor = UNetFeatures(block=0)
    extractor.record_attentions = True
    assert extractor(reference(), read_unet()).attentions is None


def test_rollout_makes_the_network_ask_for_attentions():
    assert tiny_model(selector=AttentionRollout(k=4)).network.extractor.record_attentions
    assert not tiny_model().network.extractor.record_attentions


@pytest.mark.parametrize("missing", ["latents", "text_states"])
def test_what_is_not_filled_in_is_named(missing):
    given = reference()
    setattr(given, missing, None)
    with pytest.raises(InputError, match=rf"Reference\.{missing}"):
        UNetFeatures()(given, read_unet())


def test_a_block_that_is_not_there_is_refused_before_anything_is_built():
    with pytest.raises(SettingError, match="block=2"):
        tiny_model(extractor=UNetFeatures(block=2))


def gradient_through_reference(weights: str) -> list[bool]:
    """Whether each parameter of the UNet hears of the reference through the tokens alone."""
    model = tiny_model(extractor=UNetFeatures(weights=weights))
    subject = model.network.read(model._encoded(tiny_batch().reference))
    subject.tokens.square().sum().backward()
    assert all(value.grad is not None for value in model.network.adapter.projector.parameters())
    return [value.grad is not None and bool(value.grad.any()) for value in model.network.unet.parameters()]


def test_shared_weights_are_trained_through_the_reference():
    assert any(gradient_through_reference("shared"))


@pytest.mark.parametrize("weights", ["stopped", "frozen"])
def test_stopped_and_frozen_weights_are_not(weights):
    assert not any(gradient_through_reference(weights))


def tokens_of(network, model) -> torch.Tensor:
    with torch.no_grad():
        return network.read(model._encoded(tiny_batch().reference)).features.tokens


@pytest.mark.parametrize(("weights", "moves"), [("shared", True), ("stopped", True), ("frozen", False)])
def test_only_a_frozen_reader_stays_as_it_was_while_the_unet_trains(weights, moves):
    model = tiny_model(extractor=UNetFeatures(weights=weights), learning_rates={"unet": 1e-2})
    before = tokens_of(model.network, model)
    train_a_step(model)
    assert torch.equal(tokens_of(model.network, model), before) != moves


def test_a_frozen_reader_survives_saving_and_loading_the_adapter(tmp_path):
    model = tiny_model(extractor=UNetFeatures(weights="frozen"), learning_rates={"unet": 1e-2, "adapter": 1e-2})
    before = tokens_of(model.network, model)
    train_a_step(model)
    model.network.adapter.save_pretrained(tmp_path)
    again = SubjectAdapter.from_pretrained(tmp_path)
    assert not any(value.requires_grad for value in again.reference_encoder.parameters())
    for name, value in model.network.adapter.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    given = model._encoded(tiny_batch().reference)
    torch.testing.assert_close(UNetFeatures()(given, again.reference_encoder).tokens, before, rtol=0, atol=1e-6)


def test_a_frozen_reader_survives_saving_and_loading_the_pipeline(tmp_path):
    model = tiny_model(extractor=UNetFeatures(weights="frozen"), learning_rates={"unet": 1e-2})
    before = tokens_of(model.network, model)
    train_a_step(model)
    model.pipeline().save_pretrained(tmp_path)
    again = DreamInpainterPipeline.from_pretrained(tmp_path)
    torch.testing.assert_close(tokens_of(again.network, model), before, rtol=0, atol=0)
