import pytest
import torch
from drawn_masks import blob, keys, object_masks
from hypothesis import given
from hypothesis import strategies as st
from oracles import masks as oracle
from torch import Tensor

from dreaminpainter.data.masking import DilatedMask, ExactMask
from dreaminpainter.data.masking.morphology import dilate, erode
from dreaminpainter.errors import SettingError


@given(object_mask=object_masks())
def test_the_exact_hole_is_the_object(object_mask: Tensor) -> None:
    assert torch.equal(ExactMask()(object_mask, keys(len(object_mask))), object_mask)


@given(object_mask=object_masks(), radii=st.lists(st.floats(0, 30, width=16), min_size=4, max_size=4))
def test_dilation_and_erosion_are_by_a_disk(object_mask: Tensor, radii: list[float]) -> None:
    radius = torch.tensor(radii)[: len(object_mask)]
    wide, tight = dilate(object_mask, radius), erode(object_mask, radius)
    for i, sample in enumerate(object_mask):
        assert torch.equal(wide[i, 0], oracle.dilated(sample[0], radii[i]))
        assert torch.equal(tight[i, 0], oracle.eroded(sample[0], radii[i]))


def test_the_radius_is_a_share_of_the_longer_side() -> None:
    mask = torch.zeros(1, 1, 41, 61)
    mask[0, 0, 20, 20:40] = 1
    mask[0, 0, 18, 30] = 1
    assert torch.equal(DilatedMask(0.25, 0.25)(mask, keys(1))[0, 0], oracle.dilated(mask[0, 0], 5))


def test_dilation_draws_a_radius_for_each_key() -> None:
    areas = DilatedMask()(blob(64, 64, (20, 20, 44, 44)).expand(32, -1, -1, -1), keys(32)).sum(dim=(1, 2, 3))
    assert len(areas.unique()) > 2


def test_shares_in_the_wrong_order_are_refused() -> None:
    for shares in ((0.3, 0.1), (-0.1, 0.1)):
        with pytest.raises(SettingError, match="min_share"):
            DilatedMask(*shares)
