import torch
from tiny import tiny_batch, tiny_model

from dreaminpainter.attention import AttentionRecord
from dreaminpainter.features import UNetFeatures
from dreaminpainter.injection import DecoupledKeyValues
from dreaminpainter.network import SubjectInpainter
from dreaminpainter.selection import AttentionRollout, CosineDistance, RandomTokens, gather


def read(model, **settings):
    return model.network.read(model._encoded(tiny_batch().reference), **settings)


def test_a_subject_is_the_projection_of_the_chosen_tokens():
    model = tiny_model(selector=CosineDistance(k=6))
    subject = read(model)
    chosen = gather(subject.features.tokens, subject.selection.indices)
    assert chosen.shape == (2, 6, 64)
    torch.testing.assert_close(subject.tokens, model.network.adapter.projector(chosen))


def test_another_k_takes_more_of_the_same_ranking_and_leaves_the_selector_alone():
    model = tiny_model(selector=CosineDistance(k=6))
    fewer, more = read(model), read(model, k=9)
    assert more.tokens.shape == (2, 9, 32)
    assert torch.equal(more.selection.indices[:, :6], fewer.selection.indices)
    assert read(model).tokens.shape == (2, 6, 32)


def test_keys_reach_a_selector_that_draws():
    model = tiny_model(selector=RandomTokens(k=6))
    first, second = (read(model, keys=torch.tensor([1, key])).selection.indices for key in (2, 3))
    assert torch.equal(first[0], second[0]) and not torch.equal(first[1], second[1])


def test_a_dropped_reference_reads_as_zero_tokens_and_the_others_are_untouched():
    model = tiny_model()
    tokens = read(model).tokens
    context = model.network.inject(tokens, torch.tensor([True, False]))
    for (injected,) in context.values():
        assert not injected[0].any()
        torch.testing.assert_close(injected[1], tokens[1])


def test_the_network_of_a_saved_adapter_is_the_one_that_was_trained():
    model = tiny_model(
        injection=DecoupledKeyValues(scale=0.5),
        selector=AttentionRollout(k=3),
        extractor=UNetFeatures(weights="frozen"),
    )
    again = SubjectInpainter.of(model.network.unet, model.network.adapter)
    assert again.extractor.record_attentions and again.extractor.weights == "frozen"
    assert (again.selector.k, again.adapter.injector.scale) == (3, 0.5)
    assert again.state_dict().keys() == model.network.state_dict().keys()


def test_the_networks_attention_can_be_watched():
    model = tiny_model()
    record = AttentionRecord()
    with torch.no_grad():
        subject = model.network.inject(read(model).tokens)
        model.network(torch.zeros(2, 49, 8, 8), torch.tensor(5), torch.zeros(2, 24, 32), subject, record)
    assert set(record.subject_share) == set(model.network.adapter.injector.layers)


def test_the_extractor_holds_no_copy_of_the_unet():
    for weights in ("shared", "stopped", "frozen"):
        names = tiny_model(extractor=UNetFeatures(weights=weights)).network.state_dict()
        assert not [name for name in names if name.startswith("extractor")]
