import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.rollout import rollout_scores
from oracles.selection import ranked

from dreaminpainter.errors import SettingError
from dreaminpainter.selection import AttentionRollout
from dreaminpainter.types import TokenFeatures


def attending(attentions: torch.Tensor, has_class_token: bool = False, **more) -> TokenFeatures:
    batch, _, count, _ = attentions.shape
    grid = (1, count - has_class_token)
    tokens = torch.zeros(batch, count, 4)
    return TokenFeatures(tokens, grid, attentions=attentions, has_class_token=has_class_token, **more)


def random_attentions(batch: int, layers: int, count: int, seed: int) -> torch.Tensor:
    return (2 * torch.randn(batch, layers, count, count, generator=torch.Generator().manual_seed(seed))).softmax(-1)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 2),
    layers=st.integers(1, 4),
    count=st.integers(2, 8),
    has_class_token=st.booleans(),
    seed=st.integers(0, 2**31),
    data=st.data(),
)
def test_rollout_is_that_of_the_slow_restatement(batch, layers, count, has_class_token, seed, data):
    attentions = random_attentions(batch, layers, count, seed)
    first = int(has_class_token)
    k = data.draw(st.integers(1, count - first))

    chosen = AttentionRollout(k)(attending(attentions, has_class_token))

    for row, maps in enumerate(attentions.numpy().astype(np.float64)):
        np.testing.assert_allclose(chosen.scores[row], rollout_scores(maps, has_class_token), rtol=1e-5, atol=1e-7)
        scores = chosen.scores[row].tolist()
        assert chosen.indices[row].tolist() == ranked(scores, k, descending=True, first=first, valid=None)


def test_the_first_layer_stands_rightmost():
    # In layer 1 all look at token 0, in layer 2 all at token 1. What token 1 holds after layer 1 came from 0 and 1.
    looks_at = torch.eye(3)[:, None].expand(3, 3, 3)
    scores = AttentionRollout(k=1)(attending(torch.stack((looks_at[0], looks_at[1]))[None])).scores
    np.testing.assert_allclose(scores[0], [0.5 + 1 / 12, 0.25 + 1 / 12, 1 / 12], rtol=1e-5)


def test_rows_that_do_not_sum_to_one_are_normalised_again():
    attentions = random_attentions(1, 2, 5, seed=0) * torch.linspace(0.2, 3.0, 5)[:, None]
    scores = AttentionRollout(k=1)(attending(attentions)).scores
    assert scores.sum().item() == pytest.approx(1, abs=1e-5)


def test_what_the_class_token_looks_at_comes_first():
    attentions = torch.eye(4).repeat(1, 1, 1, 1)
    attentions[0, 0, 0] = torch.tensor([0.1, 0.2, 0.1, 0.6])
    assert AttentionRollout(k=2)(attending(attentions, has_class_token=True)).indices.tolist() == [[3, 1]]


def test_subject_only_comes_first():
    attentions = torch.tensor([0.1, 0.2, 0.7]).expand(1, 1, 3, 3)
    valid = torch.tensor([[True, False, False]])
    chosen = AttentionRollout(k=2, subject_only=True)(attending(attentions, valid=valid))
    assert chosen.indices.tolist() == [[0, 2]]


def test_bf16_autocast_changes_nothing():
    features = attending(random_attentions(2, 3, 64, seed=1))
    plain = AttentionRollout(k=8)(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        autocast = AttentionRollout(k=8)(features)
    assert torch.equal(autocast.scores, plain.scores) and autocast.scores.dtype == torch.float32


def test_missing_attentions_are_refused_with_the_fix():
    assert AttentionRollout.needs_attentions
    with pytest.raises(SettingError, match="Use an extractor that records them"):
        AttentionRollout(k=1)(TokenFeatures(torch.zeros(1, 4, 2), grid=(2, 2)))
