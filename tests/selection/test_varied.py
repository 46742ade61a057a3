"""A selection that varies while it trains."""

from collections import Counter

import pytest
import torch

from dreaminpainter.components import describe, make
from dreaminpainter.errors import SettingError
from dreaminpainter.selection import AllTokens, AttentionRollout, CosineDistance, RandomTokens, TokenSelector
from dreaminpainter.selection.varied import VariedSelection
from dreaminpainter.types import TokenFeatures

FEATURES = TokenFeatures(torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(0)), grid=(4, 4))


def keys(first: int) -> torch.Tensor:
    return torch.tensor([first, 7])


def test_training_sees_each_selection_and_each_k_about_equally_often() -> None:
    among = [CosineDistance(), RandomTokens()]
    varied = VariedSelection(among, ks=[1, 2, 5])
    seen: Counter[tuple[str, int]] = Counter()
    for first in range(300):
        drawn = varied(FEATURES, keys(first))
        k = drawn.indices.shape[1]
        (kind,) = (type(one).__name__ for one in among if _same(one.with_k(k)(FEATURES, keys(first)), drawn))
        seen[kind, k] += 1
    assert set(seen) == {(kind, k) for kind in ("CosineDistance", "RandomTokens") for k in (1, 2, 5)}
    assert min(seen.values()) > 25


def _same(one, other) -> bool:
    return torch.equal(one.scores, other.scores) and torch.equal(one.indices, other.indices)


def test_the_draw_is_a_function_of_the_batch_s_first_key() -> None:
    varied = VariedSelection([CosineDistance(), RandomTokens()], ks=[1, 2, 3, 4, 5])
    for first in range(20):
        again = varied(FEATURES, torch.tensor([first, 99]))
        assert again.indices.shape == varied(FEATURES, keys(first)).indices.shape


def test_evaluation_chooses_by_the_first_with_its_own_k_or_the_one_asked_for() -> None:
    varied = VariedSelection([CosineDistance(k=2), RandomTokens(k=3)], ks=[5]).eval()
    assert torch.equal(varied(FEATURES).indices, CosineDistance(k=2)(FEATURES).indices)
    assert torch.equal(varied.with_k(4)(FEATURES).indices, CosineDistance(k=4)(FEATURES).indices)
    assert VariedSelection([AllTokens()], ks=[5]).eval()(FEATURES).indices.shape == (2, 16)


def test_it_is_written_down_and_made_again() -> None:
    varied = VariedSelection([AttentionRollout(k=2, subject_only=True), RandomTokens()], ks=[1, 4])
    assert varied.needs_attentions
    again = make(describe(varied), TokenSelector)
    assert describe(again) == describe(varied)


def test_nothing_to_draw_from_is_refused() -> None:
    for selectors, ks in (([], [1]), ([CosineDistance()], [])):
        with pytest.raises(SettingError, match="at least one"):
            VariedSelection(selectors, ks)
    with pytest.raises(SettingError, match="keys"):
        VariedSelection([CosineDistance()], ks=[1])(FEATURES)
