import logging

import pytest
import torch
from diffusers.utils import logging as diffusers_logging
from tiny import randn, stock_unet, tiny_model, tiny_unet, unet_arguments

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.components import describe, make
from dreaminpainter.injection import AllBlocks, DecoupledKeyValues, Injection, UpBlocks

INJECTIONS = [UpBlocks, AllBlocks, DecoupledKeyValues, lambda: DecoupledKeyValues(scale=0.5, blocks="all")]


def attached(injection: Injection):
    unet = tiny_unet()
    injection.attach(unet)
    return unet, injection


def predict(unet, subject=None) -> torch.Tensor:
    extras = None if subject is None else {"subject": subject}
    with torch.no_grad():
        return unet(*unet_arguments(), cross_attention_kwargs=extras).sample


@pytest.mark.parametrize("new", INJECTIONS)
def test_diffusers_has_nothing_to_warn_of(new, caplog):
    unet, injection = attached(new())
    diffusers_logging.enable_propagation()
    try:
        with caplog.at_level(logging.WARNING):
            predict(unet, injection(randn(2, 3, 32)))
    finally:
        diffusers_logging.disable_propagation()
    assert caplog.records == []


@pytest.mark.parametrize("new", INJECTIONS)
def test_without_a_subject_the_unet_is_the_stock_one(new):
    unet, _ = attached(new())
    torch.testing.assert_close(predict(unet), predict(stock_unet()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("new", INJECTIONS)
def test_the_prediction_depends_on_every_token(new):
    unet, injection = attached(new())
    tokens = randn(2, 3, 32)
    before = predict(unet, injection(tokens))
    for number in range(3):
        changed = tokens.clone()
        changed[:, number] += 1
        assert (predict(unet, injection(changed)) - before).abs().max() > 1e-4


@pytest.mark.parametrize("new", INJECTIONS)
def test_a_sample_reads_its_own_tokens_alone(new):
    unet, injection = attached(new())
    tokens = randn(2, 3, 32)
    before = predict(unet, injection(tokens))
    tokens[1] += 1
    after = predict(unet, injection(tokens))
    torch.testing.assert_close(after[0], before[0], rtol=0, atol=1e-5)
    assert (after[1] - before[1]).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("injection", "reaches_down"),
    [
        (UpBlocks(), False),
        (AllBlocks(), True),
        (DecoupledKeyValues(), False),
        (DecoupledKeyValues(blocks="all"), True),
    ],
)
def test_only_the_blocks_that_are_meant_to_read_the_subject_do(injection, reaches_down):
    unet, injection = attached(injection)
    seen = []
    for block in (*unet.down_blocks[1:], unet.mid_block):
        block.register_forward_hook(lambda module, arguments, output: seen.append(output))
    predict(unet, injection(randn(2, 3, 32)))
    predict(unet, injection(randn(2, 3, 32, seed=1)))

    first, second = seen[:3], seen[3:]
    changed = [
        not torch.equal(a if isinstance(a, torch.Tensor) else a[0], b if isinstance(b, torch.Tensor) else b[0])
        for a, b in zip(first, second, strict=True)
    ]
    assert changed == [reaches_down] * 3


def test_layers_are_all_cross_attentions_of_the_blocks_in_question():
    up, everywhere = attached(UpBlocks())[1], attached(AllBlocks())[1]
    assert len(up.layers) == 6 and all(layer.startswith("up_blocks.") for layer in up.layers)
    # Two down blocks of two layers, the middle with one, two up blocks of three.
    assert len(everywhere.layers) == 11 and set(up.layers) < set(everywhere.layers)
    assert all(layer.endswith(".attn2") for layer in everywhere.layers)


def test_decoupled_with_scale_zero_reads_no_subject():
    unet, injection = attached(DecoupledKeyValues(scale=0.0))
    torch.testing.assert_close(predict(unet, injection(randn(2, 3, 32))), predict(unet), rtol=0, atol=0)


def test_decoupled_starts_from_the_texts_own_projections():
    unet, injection = attached(DecoupledKeyValues())
    layer = injection.layers[0]
    tokens, attn = randn(2, 3, 32), unet.get_submodule(layer)
    key, value = injection(tokens)[layer]
    torch.testing.assert_close(key, attn.to_k(tokens))
    torch.testing.assert_close(value, attn.to_v(tokens))


def test_a_decoupled_injection_described_after_attaching_is_made_with_the_same_weights_names():
    _, injection = attached(DecoupledKeyValues(scale=0.3, blocks="all"))
    again = make(describe(injection), Injection)
    assert (again.scale, again.blocks) == (0.3, "all")
    again.load_state_dict(injection.state_dict())
    unet = tiny_unet()
    again.attach(unet)
    for name, value in injection.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_the_weights_of_the_unet_keep_their_names():
    for new in INJECTIONS:
        assert attached(new())[0].state_dict().keys() == stock_unet().state_dict().keys()


def test_the_adapter_holds_the_injections_weights():
    adapter = tiny_model(injection=DecoupledKeyValues()).network.adapter
    assert isinstance(adapter, SubjectAdapter)
    assert any(name.startswith("injector.keys.") for name in adapter.state_dict())
