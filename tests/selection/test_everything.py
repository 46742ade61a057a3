import pytest
import torch

from dreaminpainter.components import describe, make
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.selection import AllTokens, TokenSelector
from dreaminpainter.types import TokenFeatures


def test_all_tokens_are_kept_in_their_order():
    chosen = AllTokens()(TokenFeatures(torch.randn(2, 6, 4), grid=(2, 3)))
    assert chosen.indices.tolist() == [[0, 1, 2, 3, 4, 5]] * 2
    assert chosen.scores.shape == (2, 6)


def test_a_class_token_is_left_out():
    chosen = AllTokens()(TokenFeatures(torch.randn(1, 7, 4), grid=(2, 3), has_class_token=True))
    assert chosen.indices.tolist() == [[1, 2, 3, 4, 5, 6]]


def test_it_takes_no_k():
    assert AllTokens().k is None
    assert describe(AllTokens())["init_args"] == {}
    assert isinstance(make(describe(AllTokens()), TokenSelector), AllTokens)
    with pytest.raises(SettingError, match="takes no k"):
        AllTokens().with_k(4)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="NaN or infinity"):
        AllTokens()(TokenFeatures(torch.full((1, 4, 2), float("nan")), grid=(2, 2)))
