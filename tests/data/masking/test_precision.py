from itertools import pairwise

import pytest
import torch
from drawn_masks import blob, ellipse, keys, object_masks
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import masks as oracle
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.masking import BoxMask, PreciseMask
from dreaminpainter.errors import SettingError


@given(object_mask=object_masks())
def test_the_ends_are_outline_and_box_and_all_levels_lie_between(object_mask: Tensor) -> None:
    key = keys(len(object_mask))
    levels = [PreciseMask(level, level)(object_mask, key) for level in range(7)]
    box = BoxMask()(object_mask, key)
    assert torch.equal(levels[0], object_mask) and torch.equal(levels[6], box)
    assert all((object_mask <= level).all() and (level <= box).all() for level in levels)


@given(object_mask=object_masks(), level=st.integers(1, 3), spread=st.floats(0.05, 1))
@settings(max_examples=20, deadline=None)
def test_a_level_is_where_the_blurred_object_exceeds_a_tenth(object_mask: Tensor, level: int, spread: float) -> None:
    hole = PreciseMask(level, level, 4, spread)(object_mask, keys(len(object_mask)))[0, 0]
    left, top, right, bottom = boxes_of(object_mask)[0].tolist()
    grey = oracle.blurred(object_mask[0, 0], max(spread * level / 4 * max(right - left, bottom - top), 0.05))
    wanted = BoxMask()(object_mask, keys(len(object_mask)))[0, 0] - object_mask[0, 0] > 0
    wanted &= (grey - 0.1).abs() > 0.004  # nearer than this, weights of whole numbers may decide
    assert torch.equal(hole[wanted] == 1, grey[wanted] > 0.1)


@given(
    x=st.floats(24, 40),
    y=st.floats(24, 40),
    across=st.floats(6, 24),
    down=st.floats(6, 24),
)
def test_coarser_levels_are_larger(x: float, y: float, across: float, down: float) -> None:
    """And each contains the finer ones, where the object is as solid as an ellipse."""
    object_mask = ellipse(64, x, y, across, down)
    levels = [PreciseMask(level, level)(object_mask, keys(1)) for level in range(7)]
    for finer, coarser in pairwise(levels):
        assert (finer <= coarser).all()
    assert levels[0].sum() < levels[3].sum() < levels[6].sum()


def test_levels_are_drawn_alike() -> None:
    object_mask = ellipse(40, 20, 20, 18, 12).expand(3000, -1, -1, -1)
    areas = PreciseMask(2, 5, 6)(object_mask, keys(3000)).sum(dim=(1, 2, 3))
    expected = [PreciseMask(level, level, 6)(object_mask[:1], keys(1)).sum() for level in range(2, 6)]
    assert len(set(expected)) == 4
    for area in expected:
        assert abs((areas == area).double().mean() - 0.25) < 0.04


def test_settings_that_make_no_sense_are_refused() -> None:
    for levels in ((-1, 2, 6), (3, 2, 6), (0, 7, 6), (0, 0, 0)):
        with pytest.raises(SettingError, match="box_level"):
            PreciseMask(*levels)
    with pytest.raises(SettingError, match="spread"):
        PreciseMask(spread=0.0)


def test_the_picture_around_does_not_matter() -> None:
    small, large = blob(30, 30, (0, 0, 30, 10)), blob(90, 80, (40, 50, 70, 60))
    small[..., 3:20, 8:20] = large[..., 53:70, 48:60] = 1
    for level in range(7):
        hole = PreciseMask(level, level)(large, keys(1))
        assert torch.equal(hole[..., 50:80, 40:70], PreciseMask(level, level)(small, keys(1)))
