import pytest
import torch
from tiny import tiny_model, train_a_step

from dreaminpainter.errors import SettingError
from dreaminpainter.features import UNetFeatures
from dreaminpainter.injection import DecoupledKeyValues
from dreaminpainter.parameters import parameter_groups


def trained(model) -> set[str]:
    return {name for name, value in model.named_parameters() if value.requires_grad}


@pytest.mark.parametrize(
    ("rates", "prefixes"),
    [
        ({"unet": 1e-3}, ("network.unet.",)),
        ({"adapter": 1e-3}, ("network.adapter.projector.", "network.adapter.injector.")),
        ({"text_encoder": 1e-3}, ("text_encoder.",)),
        ({"unet": 1e-3, "adapter": 1e-4}, ("network.unet.", "network.adapter.projector.", "network.adapter.injector.")),
    ],
)
def test_exactly_the_named_parts_train(rates, prefixes):
    model = tiny_model(learning_rates=rates, injection=DecoupledKeyValues(), extractor=UNetFeatures(weights="frozen"))
    assert trained(model) == {name for name, _ in model.named_parameters() if name.startswith(prefixes)}


def test_cross_attention_is_the_layers_that_read_text_and_nothing_else():
    model = tiny_model(learning_rates={"cross_attention": 1e-3})
    names = trained(model)
    assert names and all(".attn2." in name for name in names)
    assert len(names) == len([name for name, _ in model.named_parameters() if ".attn2." in name])


@pytest.mark.parametrize(
    "rates", [{"unet": 1e-2}, {"cross_attention": 1e-2}, {"adapter": 1e-2}, {"text_encoder": 1e-2}]
)
def test_a_step_moves_what_trains_and_nothing_else(rates):
    model = tiny_model(learning_rates=rates)
    before = {name: value.clone() for name, value in model.named_parameters()}
    train_a_step(model)
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved and moved <= trained(model)


def test_each_part_is_an_optimizer_group_with_its_own_rate_and_name():
    rates = {"unet": 1e-5, "adapter": 1e-4, "text_encoder": 1e-6}
    model = tiny_model(learning_rates=rates)
    groups = parameter_groups(model, rates)
    assert {group["name"]: group["lr"] for group in groups} == rates
    in_groups = [parameter for group in groups for parameter in group["params"]]
    assert len(in_groups) == len({id(parameter) for parameter in in_groups}) == len(trained(model))


def test_a_part_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(SettingError, match=r"'unnet'.*unet, cross_attention, conv_in, lora, adapter, text_encoder"):
        tiny_model(learning_rates={"unnet": 1e-3})


def test_parts_that_overlap_are_refused():
    with pytest.raises(SettingError, match="both unet and its part cross_attention"):
        tiny_model(learning_rates={"unet": 1e-3, "cross_attention": 1e-3})
