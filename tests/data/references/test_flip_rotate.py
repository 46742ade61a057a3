import pytest
import torch

from dreaminpainter.data.references import FlipRotate
from dreaminpainter.errors import SettingError


def test_a_turned_subject_is_as_large_as_its_corners_allow() -> None:
    mask = torch.ones(32, 1, 64, 64)
    _, turned = FlipRotate(degrees=90.0)(-torch.ones(32, 3, 64, 64), mask, torch.arange(32))
    assert turned[:, 0, :, [0, -1]].mean() < 0.2 and turned[:, 0, [0, -1]].mean() < 0.2
    sides = turned.sum(dim=(1, 2, 3)).sqrt()
    assert (sides >= 64 / 2**0.5 - 2).all() and (sides <= 65).all()


def test_half_are_mirrored_and_angles_spread_both_ways() -> None:
    mask = torch.ones(64, 64).tril()[None, None].expand(400, -1, -1, -1)
    key = torch.arange(400)
    _, mirrored = FlipRotate(degrees=0.0)(1 - 2 * mask.expand(-1, 3, -1, -1), mask, key)
    same = (mirrored == mask).flatten(1).double().mean(dim=1) > 0.9
    assert 0.4 < same.double().mean() < 0.6
    bar = torch.zeros(400, 1, 65, 65)
    bar[:, :, 32, 8:57] = 1
    bar[:, :, 31:34, 50:57] = 1
    _, turned = FlipRotate(flip=0.0)(1 - 2 * bar.expand(-1, 3, -1, -1), bar, key)
    ends = torch.stack([one[0, :, 46:].nonzero().double().mean(dim=0) for one in turned])
    angles = torch.rad2deg(torch.atan2(32 - ends[:, 0], ends[:, 1] + 46 - 32))
    assert -21 < angles.min() < -17 and 17 < angles.max() < 21


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="flip"):
        FlipRotate(flip=1.5)
    with pytest.raises(SettingError, match="degrees"):
        FlipRotate(degrees=-3.0)
