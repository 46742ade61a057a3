import pytest
import torch
from drawn_masks import blob, keys, object_masks
from hypothesis import given
from oracles import masks as oracle
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.masking import BrushMask
from dreaminpainter.errors import SettingError


def test_strokes_are_of_the_wanted_width_and_begin_in_the_box() -> None:
    """A single pixel cut out of the box's corners leaves all that is outside to the strokes."""
    object_mask = torch.zeros(1, 1, 120, 120)
    object_mask[..., 40, 40] = object_mask[..., 79, 79] = 1
    key = keys(60)
    hole = BrushMask(1, 1, 0.25, 0.25)(object_mask.expand(60, -1, -1, -1), key)
    assert boxes_of(hole).amin() >= 35 and boxes_of(hole).amax() <= 85  # a radius of 5 around the box
    areas = hole.sum(dim=(1, 2, 3))
    # A step is 8 to 24 long, or shorter where it is thrown back, and ends are round.
    assert areas.min() > 3.1 * 25 * 0.9 and areas.max() < 2 + 3.2 * 25 + 24 * 10 * 1.1
    assert len(areas.unique()) > 20


def test_more_strokes_paint_more() -> None:
    object_mask = blob(96, 96, (30, 20, 60, 70)).expand(40, -1, -1, -1)
    areas = [float(BrushMask(strokes)(object_mask, keys(40)).mean()) for strokes in (1, 3, 9)]
    assert float(object_mask.mean()) < areas[0] < areas[1] < areas[2]


@given(object_mask=object_masks())
def test_strokes_stay_within_half_their_width_of_the_box(object_mask: Tensor) -> None:
    hole = BrushMask(5, 6, 0.0, 1.0)(object_mask, keys(len(object_mask)))
    for box, (sample,) in zip(boxes_of(object_mask).tolist(), hole, strict=True):
        left, top, right, bottom = box
        far = max(right - left, bottom - top) / 2 + 0.01
        for x, y in oracle.ones(sample):
            assert max(left - x, x - right + 1, top - y, y - bottom + 1) <= far


def test_settings_that_make_no_sense_are_refused() -> None:
    for counts in ((0, 1), (1, 0)):
        with pytest.raises(SettingError, match="strokes and steps"):
            BrushMask(*counts)
    with pytest.raises(SettingError, match="min_width"):
        BrushMask(min_width=0.5, max_width=0.4)
