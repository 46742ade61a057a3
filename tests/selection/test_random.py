import pytest
import torch

from dreaminpainter.errors import SettingError
from dreaminpainter.selection import RandomTokens
from dreaminpainter.types import TokenFeatures


def blank(batch: int, count: int, **more) -> TokenFeatures:
    return TokenFeatures(torch.zeros(batch, count, 2), grid=(1, count), **more)


def test_a_sample_keeps_its_tokens_in_any_batch():
    keys = torch.tensor([11, 22, 33])
    together = RandomTokens(k=5)(blank(3, 64), keys).indices
    alone = RandomTokens(k=5)(blank(1, 64), keys[1:2]).indices
    assert torch.equal(together[1:2], alone)
    assert together[0].tolist() != together[1].tolist()


def test_no_token_is_drawn_twice_and_all_are_drawn_alike():
    indices = RandomTokens(k=4)(blank(4000, 16), torch.arange(4000)).indices
    assert all(len(set(row)) == 4 for row in indices.tolist())
    counts = indices.flatten().bincount(minlength=16)
    assert (counts - 1000).abs().max() < 5 * (4000 * 0.25 * 0.75) ** 0.5


def test_draws_stay_on_the_subject_while_it_has_tokens():
    valid = torch.zeros(50, 16, dtype=torch.bool)
    valid[:, 6:9] = True
    indices = RandomTokens(k=5, subject_only=True)(blank(50, 16, valid=valid), torch.arange(50)).indices
    assert {tuple(sorted(row)) for row in indices[:, :3].tolist()} == {(6, 7, 8)}
    assert not ((indices[:, 3:] >= 6) & (indices[:, 3:] < 9)).any()


def test_missing_keys_are_refused_with_the_fix():
    with pytest.raises(SettingError, match=r"Pass keys \(B,\)"):
        RandomTokens(k=2)(blank(1, 4))
