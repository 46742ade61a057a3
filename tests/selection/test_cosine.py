import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.selection import column_sums, ranked, received_at_once
from torch.utils._python_dispatch import TorchDispatchMode

from dreaminpainter.components import describe, make
from dreaminpainter.errors import InputError
from dreaminpainter.selection import CosineDistance, TokenSelector, gather
from dreaminpainter.selection.cosine import received_similarity
from dreaminpainter.types import TokenFeatures


def features_of(tokens: torch.Tensor, **more) -> TokenFeatures:
    return TokenFeatures(tokens, grid=(1, tokens.shape[1]), **more)


def two_kinds() -> torch.Tensor:
    """Twelve tokens alike but for 9 and 11, which are like no other."""
    tokens = torch.tensor([1.0, 0.0, 0.0]).repeat(12, 1)
    tokens[9] = torch.tensor([0.0, 1.0, 0.0])
    tokens[11] = torch.tensor([0.0, 0.0, 1.0])
    return tokens[None]


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    count=st.integers(1, 12),
    width=st.integers(1, 8),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 2**31),
    data=st.data(),
)
def test_selection_is_that_of_the_slow_restatement(batch, count, width, scale, seed, data):
    tokens = torch.randn(batch, count, width, generator=torch.Generator().manual_seed(seed)) * scale
    k = data.draw(st.integers(1, count))

    chosen = CosineDistance(k)(features_of(tokens))

    assert chosen.indices.shape == (batch, k) and chosen.indices.dtype == torch.int64
    for row, sample in enumerate(tokens.numpy().astype(np.float64)):
        np.testing.assert_allclose(chosen.scores[row].numpy(), column_sums(sample), rtol=2e-6)
        scores = chosen.scores[row].tolist()
        assert chosen.indices[row].tolist() == ranked(scores, k, descending=False, first=0, valid=None)


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 4),
    count=st.integers(1, 24),
    width=st.integers(1, 8),
    held=st.integers(1, 3000),
    seed=st.integers(0, 2**31),
)
def test_blocks_of_any_size_give_the_scores_of_all_at_once(batch, count, width, held, seed):
    tokens = torch.randn(batch, count, width, generator=torch.Generator().manual_seed(seed)) + 0.5

    scores = received_similarity(tokens, held)

    assert scores.shape == (batch, count) and scores.dtype == torch.float32
    torch.testing.assert_close(scores, received_at_once(tokens), rtol=2e-6, atol=0)


def test_no_more_similarities_are_made_at_a_time_than_may_be_held():
    made = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            made.append(result.numel() if isinstance(result, torch.Tensor) else 0)
            return result

    tokens = torch.randn(3, 200, 4)
    with Watch():
        received_similarity(tokens, held=2000)
    assert max(made) == 2000


def test_a_different_order_of_sums_chooses_the_same_tokens():
    # As many tokens as at 512 px, of features that differ as little as a UNet's do.
    tokens = torch.randn(2, 1024, 64, generator=torch.Generator().manual_seed(0)) + 1
    blockwise = received_similarity(tokens, held=100_000).argsort(dim=1, stable=True)[:, :24]
    assert torch.equal(blockwise, received_at_once(tokens).argsort(dim=1, stable=True)[:, :24])


def test_scores_are_column_sums_not_row_sums():
    # Row sums are 1 for every token, and a stable order would then keep tokens 0 and 1.
    chosen = CosineDistance(k=2)(features_of(two_kinds()))
    assert chosen.indices.tolist() == [[9, 11]]
    assert chosen.scores.sum().item() == pytest.approx(12, abs=1e-5)
    assert chosen.scores.max() - chosen.scores.min() > 0.3


def test_bf16_autocast_changes_nothing():
    tokens = torch.randn(2, 256, 64, generator=torch.Generator().manual_seed(0)) + 1
    selector = CosineDistance(k=24)
    plain = selector(features_of(tokens))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (tokens @ tokens.mT).dtype == torch.bfloat16  # the trap is set
        autocast = selector(features_of(tokens))
    assert autocast.scores.dtype == torch.float32
    assert torch.equal(autocast.scores, plain.scores) and torch.equal(autocast.indices, plain.indices)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_tokens_are_scored_in_float32(dtype):
    tokens = torch.randn(1, 64, 16, generator=torch.Generator().manual_seed(1)).to(dtype)
    half, full = (CosineDistance(k=5)(features_of(given)) for given in (tokens, tokens.float()))
    assert torch.equal(half.scores, full.scores)


def test_tokens_alike_are_kept_in_their_order():
    tokens = torch.ones(1, 64, 8)
    assert CosineDistance(k=8)(features_of(tokens)).indices.tolist() == [list(range(8))]


def test_permuted_tokens_give_the_same_tokens():
    tokens = torch.randn(1, 40, 8, generator=torch.Generator().manual_seed(2))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    chosen = CosineDistance(k=6)(features_of(tokens)).indices
    permuted = CosineDistance(k=6)(features_of(tokens[:, order])).indices
    assert order[permuted].tolist() == chosen.tolist()


def test_subject_only_narrows_the_choice_but_not_the_comparison():
    valid = torch.ones(1, 12, dtype=torch.bool)
    valid[0, 9] = False
    features = features_of(two_kinds(), valid=valid)
    anywhere, on_subject = CosineDistance(k=2)(features), CosineDistance(k=2, subject_only=True)(features)
    assert torch.equal(anywhere.scores, on_subject.scores)
    assert on_subject.indices.tolist() == [[11, 0]]


def test_a_class_token_takes_part_in_the_scores_but_not_in_the_choice():
    tokens = two_kinds().flip(1)  # token 0 is now the odd one
    chosen = CosineDistance(k=1)(TokenFeatures(tokens, grid=(1, 11), has_class_token=True))
    assert chosen.indices.tolist() == [[2]]
    np.testing.assert_allclose(chosen.scores[0], column_sums(tokens[0].numpy()), rtol=2e-6)


def test_gradients_reach_the_chosen_tokens_and_only_those():
    tokens = two_kinds().requires_grad_()
    chosen = CosineDistance(k=2)(features_of(tokens))
    assert not chosen.scores.requires_grad
    gather(tokens, chosen.indices).sum().backward()
    touched = tokens.grad[0].abs().sum(1).nonzero().flatten().tolist()
    assert touched == [9, 11]


def test_gathered_tokens_stand_in_the_order_of_the_indices():
    tokens = torch.arange(24.0).reshape(2, 4, 3)
    gathered = gather(tokens, torch.tensor([[3, 0], [1, 1]]))
    assert torch.equal(gathered, torch.stack((tokens[0, [3, 0]], tokens[1, [1, 1]])))


def test_features_that_are_not_finite_are_refused():
    tokens = two_kinds()
    tokens[0, 3, 1] = float("nan")
    with pytest.raises(InputError, match="NaN or infinity"):
        CosineDistance(k=2)(features_of(tokens))


def test_a_blank_token_is_no_error():
    tokens = two_kinds()
    tokens[0, 4] = 0
    assert CosineDistance(k=1)(features_of(tokens)).indices.tolist() == [[4]]


def test_with_k_changes_a_copy():
    selector = CosineDistance(k=24, subject_only=True)
    other = selector.with_k(6)
    assert (other.k, other.subject_only, selector.k) == (6, True, 24)


def test_it_is_written_down_and_made_again():
    made = make(describe(CosineDistance(k=7, subject_only=True)), TokenSelector)
    assert isinstance(made, CosineDistance) and (made.k, made.subject_only) == (7, True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_a_gpu_does_not_wait_for_it():
    features = features_of(torch.randn(2, 64, 8, device="cuda"), valid=torch.ones(2, 64, device="cuda") > 0)
    selector = CosineDistance(k=4, subject_only=True)
    selector(features)
    torch.cuda.set_sync_debug_mode("error")
    try:
        selector(features)
    finally:
        torch.cuda.set_sync_debug_mode("default")
