import numpy as np
import pytest
import torch
from oracles.attention import array, head_outputs, layer_output, mean_maps
from tiny import randn, tiny_unet, unet_arguments

from dreaminpainter.attention import AttentionRecord, attend
from dreaminpainter.injection import AllBlocks, DecoupledKeyValues, Injection, UpBlocks

K = 3


def traced(injection: Injection, endings: tuple[str, ...] = ("attn1", "attn2")):
    """A forward pass with a subject: the UNet, each attention layer's arguments and output, the record, the subject."""
    unet = tiny_unet()
    injection.attach(unet)
    calls = {}

    def keep(name):
        def hook(module, arguments, keywords, output):
            calls[name] = (arguments[0], keywords.get("encoder_hidden_states"), output)

        return hook

    for name, module in unet.named_modules():
        if name.endswith(endings):
            module.register_forward_hook(keep(name), with_kwargs=True)
    record, subject = AttentionRecord(), injection(randn(2, K, 32, seed=5))
    with torch.no_grad():
        unet(*unet_arguments(), cross_attention_kwargs={"subject": subject, "record": record})
    return unet, calls, record, subject


@pytest.mark.parametrize("injection", [UpBlocks(), AllBlocks()])
def test_share_of_joined_attention_is_that_of_the_written_out_softmax(injection):
    unet, calls, record, subject = traced(injection)
    assert tuple(record.subject_share) == tuple(sorted(injection.layers, key=list(calls).index))
    for layer in injection.layers[:2] + injection.layers[-2:]:
        hidden, text, _ = calls[layer]
        maps = mean_maps(unet.get_submodule(layer), hidden, torch.cat([text, subject[layer][0]], dim=1))
        share = record.subject_share[layer].numpy()
        assert share.shape == hidden.shape[:2] and share.min() > 0 and share.max() < 1
        np.testing.assert_allclose(share, maps[:, :, -K:].sum(-1), rtol=1e-4)


def test_joined_attention_is_one_softmax_over_text_and_subject():
    unet, calls, _, subject = traced(UpBlocks())
    for layer, tokens in list(subject.items())[:2]:
        attn, (hidden, text, output) = unet.get_submodule(layer), calls[layer]
        context = torch.cat([text, tokens[0]], dim=1)
        mixed = head_outputs(attn, hidden, attn.to_k(context), attn.to_v(context))
        np.testing.assert_allclose(array(output), layer_output(attn, mixed), atol=1e-5)


def test_decoupled_attention_adds_a_scaled_softmax_of_its_own():
    unet, calls, record, subject = traced(DecoupledKeyValues(scale=0.7))
    for layer, (key, value) in list(subject.items())[:2]:
        attn, (hidden, text, output) = unet.get_submodule(layer), calls[layer]
        from_text = head_outputs(attn, hidden, attn.to_k(text), attn.to_v(text))
        from_subject = 0.7 * head_outputs(attn, hidden, key, value)
        np.testing.assert_allclose(array(output), layer_output(attn, from_text + from_subject), atol=1e-5)

        lengths = [np.linalg.norm(part, axis=-1) for part in (from_text, from_subject)]
        share = (lengths[1] / (lengths[0] + lengths[1])).mean(axis=1)
        np.testing.assert_allclose(record.subject_share[layer].numpy(), share, rtol=1e-4)
        assert share.min() > 0 and share.max() < 1


def test_self_attention_maps_are_those_of_the_written_out_softmax():
    unet, calls, record, _ = traced(UpBlocks(), endings=("attn1",))
    assert list(record.self_attention) == list(calls)
    for layer in list(calls)[:2]:
        hidden = calls[layer][0]
        maps = record.self_attention[layer].numpy()
        np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)
        np.testing.assert_allclose(maps, mean_maps(unet.get_submodule(layer), hidden, hidden), atol=1e-6)


def test_a_record_changes_no_prediction_and_keeps_no_gradient():
    unet, injection = tiny_unet(), AllBlocks()
    injection.attach(unet)
    subject, record = injection(randn(2, K, 32)), AttentionRecord()
    plain = unet(*unet_arguments(), cross_attention_kwargs={"subject": subject}).sample
    watched = unet(*unet_arguments(), cross_attention_kwargs={"subject": subject, "record": record}).sample
    torch.testing.assert_close(watched, plain, rtol=0, atol=0)
    kept = [*record.self_attention.values(), *record.subject_share.values()]
    assert not any(values.requires_grad for values in kept)


@pytest.mark.parametrize("make", [UpBlocks, AllBlocks, DecoupledKeyValues])
def test_masked_text_tokens_count_for_nothing_and_the_subject_stays_visible(make):
    unet, injection = tiny_unet(), make()
    injection.attach(unet)
    sample, timesteps, text = unet_arguments()
    mask = torch.ones(2, 7)
    mask[:, 4:] = 0

    def predict(text, mask, tokens):
        extras = {"subject": injection(tokens)}
        with torch.no_grad():
            return unet(sample, timesteps, text, encoder_attention_mask=mask, cross_attention_kwargs=extras).sample

    tokens = randn(2, K, 32)
    torch.testing.assert_close(predict(text, mask, tokens), predict(text[:, :4], None, tokens), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(predict(text, mask, tokens), predict(text, mask, -tokens), atol=1e-4)


@pytest.mark.parametrize("tracked", [True, False])
def test_attention_in_bfloat16_on_a_cpu_is_that_of_full_precision(tracked):
    """With gradients it takes another path than without; both have to stay within what bfloat16 can tell."""
    query, key, value = (randn(2, 3, length, 8, seed=length) for length in (20, 30, 31))
    value = value[:, :, :30]
    weights = torch.softmax(query @ key.mT / 8**0.5, -1)
    half = [part.bfloat16().requires_grad_(tracked) for part in (query, key, value)]
    mixed = attend(*half)
    assert mixed.dtype == torch.bfloat16 and mixed.requires_grad == tracked
    torch.testing.assert_close(mixed.float(), weights @ value, rtol=0.03, atol=0.03)
    if tracked:
        mixed.float().square().sum().backward()
        full = [part.clone().requires_grad_() for part in (query, key, value)]
        (torch.softmax(full[0] @ full[1].mT / 8**0.5, -1) @ full[2]).square().sum().backward()
        for rough, exact in zip(half, full, strict=True):
            scale = exact.grad.abs().max()
            assert (rough.grad.float() - exact.grad).abs().max() < 0.05 * scale
