import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.selection import ranked

from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import TokenFeatures


def blank(count: int, *, batch: int = 1, has_class_token: bool = False, valid: torch.Tensor | None = None):
    return TokenFeatures(
        torch.zeros(batch, count, 2), grid=(1, count - has_class_token), valid=valid, has_class_token=has_class_token
    )


@settings(max_examples=100, deadline=None)
@given(data=st.data(), descending=st.booleans(), subject_only=st.booleans(), has_class_token=st.booleans())
def test_ranking_is_what_repeatedly_taking_the_best_gives(data, descending, subject_only, has_class_token):
    count = data.draw(st.integers(2, 20))
    first = int(has_class_token)
    k = data.draw(st.integers(1, count - first))
    # Few different values, so that ties are frequent.
    scores = data.draw(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=count, max_size=count))
    valid = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    if has_class_token:
        valid[0] = False

    features = blank(count, has_class_token=has_class_token, valid=torch.tensor([valid]))
    chosen = rank(torch.tensor([scores]), features, k, descending=descending, subject_only=subject_only)

    expected = ranked(scores, k, descending=descending, first=first, valid=valid if subject_only else None)
    assert chosen.indices.tolist() == [expected]


@pytest.mark.parametrize("descending", [False, True])
def test_equal_scores_keep_the_order_of_the_tokens(descending):
    chosen = rank(torch.zeros(2, 1024), blank(1024, batch=2), k=1024, descending=descending)
    assert (chosen.indices == torch.arange(1024)).all()


def test_each_sample_is_ranked_by_itself():
    scores = torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    assert rank(scores, blank(3, batch=2), k=2).indices.tolist() == [[1, 2], [0, 1]]


def test_a_class_token_is_counted_but_never_chosen():
    scores = torch.tensor([[-9.0, 1.0, 0.0]])
    chosen = rank(scores, blank(3, has_class_token=True), k=2)
    assert chosen.indices.tolist() == [[2, 1]]
    assert chosen.scores.shape == (1, 3)


def test_tokens_off_the_subject_fill_up_in_the_order_of_their_scores():
    valid = torch.tensor([[False, True, False, True, False]])
    scores = torch.tensor([[0.3, 0.9, 0.1, 0.8, 0.2]])
    chosen = rank(scores, blank(5, valid=valid), k=4, subject_only=True)
    assert chosen.indices.tolist() == [[3, 1, 2, 4]]


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused_with_the_fix(k):
    with pytest.raises(SettingError, match=rf"k is {k}.*Set k to 1 or more"):
        rank(torch.zeros(1, 4), blank(4), k)


def test_k_above_the_number_of_spatial_tokens_is_refused_with_the_fix():
    with pytest.raises(SettingError, match=r"k is 5.*only 4 tokens \(1 x 4\).*Set k to 4 or less"):
        rank(torch.zeros(1, 5), blank(5, has_class_token=True), 5)


def test_subject_only_without_valid_is_refused_with_the_fix():
    with pytest.raises(SettingError, match="Set subject_only to false"):
        rank(torch.zeros(1, 4), blank(4), 2, subject_only=True)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused_with_their_row(bad):
    features = blank(4, batch=3)
    features.tokens[1, 2, 0] = bad
    with pytest.raises(InputError, match=r"rows \[1\]"):
        rank(torch.zeros(3, 4), features, 2)


def test_scores_that_are_not_finite_are_refused_with_their_row():
    scores = torch.zeros(2, 4)
    scores[0, 3] = float("nan")
    with pytest.raises(InputError, match=r"rows \[0\]"):
        rank(scores, blank(4, batch=2), 2)


def test_scores_carry_no_gradient():
    assert not rank(torch.zeros(1, 4, requires_grad=True), blank(4), 2).scores.requires_grad
