import pytest
import torch
from drawn_masks import blob, keys

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.masking import BoxMask, ExpandedBoxMask, LooseBoxMask
from dreaminpainter.errors import SettingError


def test_boxes_end_one_past_the_last_pixel() -> None:
    mask = torch.cat((blob(10, 12, (3, 2, 7, 9)), blob(10, 12, (0, 0, 12, 10)), blob(10, 12, (11, 9, 12, 10))))
    assert boxes_of(mask).tolist() == [[3, 2, 7, 9], [0, 0, 12, 10], [11, 9, 12, 10]]
    assert torch.equal(boxes_of(mask.bool()), boxes_of(mask))


def test_a_box_is_filled() -> None:
    mask = torch.zeros(1, 1, 9, 9)
    mask[0, 0, 2, 3] = mask[0, 0, 5, 7] = 1
    assert torch.equal(BoxMask()(mask, keys(1)), blob(9, 9, (3, 2, 8, 6)))


def test_an_expanded_box_has_the_same_margin_on_every_side_and_stops_at_the_picture() -> None:
    mask = torch.zeros(2, 1, 40, 40)
    mask[0, 0, 12, 10:30] = mask[0, 0, 12:18, 10] = 1
    mask[1, 0, 36, 1:21] = 1
    hole = ExpandedBoxMask(0.25, 0.25)(mask, keys(2))
    assert torch.equal(hole, torch.cat((blob(40, 40, (5, 7, 35, 23)), blob(40, 40, (0, 31, 26, 40)))))


def test_a_margin_is_drawn_for_each_key() -> None:
    boxes = boxes_of(ExpandedBoxMask(0.1, 0.5)(blob(90, 90, (35, 40, 55, 45)).expand(300, -1, -1, -1), keys(300)))
    margins = torch.tensor([35, 40]) - boxes[:, :2]
    assert torch.equal(margins, boxes[:, 2:] - torch.tensor([55, 45]))
    assert margins[:, 0].unique().tolist() == list(range(2, 11))


def test_a_loose_box_keeps_its_scale_and_moves_freely() -> None:
    boxes = boxes_of(LooseBoxMask()(blob(128, 128, (54, 54, 74, 74)).expand(400, -1, -1, -1), keys(400)))
    width, height = (boxes[:, 2] - boxes[:, 0]).double(), (boxes[:, 3] - boxes[:, 1]).double()
    scale, aspect = (width * height).sqrt() / 20, width / height
    assert 1.2 <= scale.min() < 1.3 and 1.75 < scale.max() < 1.8 + 2 / 20
    assert aspect.min() < 0.75 and aspect.max() > 1.33
    slack = (width - 20).clamp(min=1)
    place = (54 - boxes[:, 0]) / slack
    assert place.min() < 0.1 and place.max() > 0.9


def test_a_loose_box_stops_at_the_picture() -> None:
    assert LooseBoxMask()(blob(16, 16, (0, 0, 16, 16)), keys(1)).all()


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingError, match="min_scale"):
        LooseBoxMask(0.9, 1.2)
    with pytest.raises(SettingError, match="max_aspect"):
        LooseBoxMask(max_aspect=0.5)
    with pytest.raises(SettingError, match="min_share"):
        ExpandedBoxMask(0.2, 0.1)
