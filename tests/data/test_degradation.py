import math

import pytest
import torch
from drawn_masks import blob, ellipse, keys, object_masks
from hypothesis import given
from hypothesis import strategies as st
from oracles import masks as oracle
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.cutout import boxes_of
from dreaminpainter.data import degradation as degradations
from dreaminpainter.data.degradation import (
    CoarsePolygon,
    DroppedParts,
    Eroded,
    MaskDegradation,
    MixedDegradation,
    NoDegradation,
    Shifted,
)
from dreaminpainter.errors import InputError, SettingError

ALL: list[MaskDegradation] = [
    NoDegradation(),
    Eroded(),
    Eroded(0.1, 2.0),
    Shifted(),
    Shifted(0.0, 3.0),
    CoarsePolygon(),
    CoarsePolygon(3),
    DroppedParts(),
    DroppedParts(1, 9, 0.0, 1.0),
    MixedDegradation([NoDegradation(), MixedDegradation([Eroded(), DroppedParts()], [1, 2])]),
]


def name_of(degradation: MaskDegradation) -> str:
    return type(degradation).__name__


def test_every_degradation_is_tested_here() -> None:
    kinds = {one for one in vars(degradations).values() if isinstance(one, type) and issubclass(one, MaskDegradation)}
    assert {type(one) for one in ALL} == kinds - {MaskDegradation}


@pytest.mark.parametrize("degradation", ALL, ids=name_of)
@given(object_mask=object_masks(), seed=st.integers(-(2**63), 2**63 - 1))
def test_a_worse_mask_is_one_of_its_own_sample_and_never_empty(
    degradation: MaskDegradation, object_mask: Tensor, seed: int
) -> None:
    key = keys(len(object_mask), seed)
    given_mask = object_mask.clone()
    worse = degradation(object_mask, key)
    assert torch.equal(object_mask, given_mask)
    assert worse.shape == object_mask.shape and worse.dtype == object_mask.dtype
    assert ((worse == 0) | (worse == 1)).all()
    assert worse.amax(dim=(1, 2, 3)).all()
    alone = torch.cat([degradation(object_mask[i : i + 1], key[i : i + 1]) for i in range(len(key))])
    assert torch.equal(worse, alone)


@pytest.mark.parametrize("degradation", ALL, ids=name_of)
def test_an_empty_object_is_refused(degradation: MaskDegradation) -> None:
    object_mask = torch.cat((blob(8, 8, (1, 1, 3, 3)), torch.zeros(1, 1, 8, 8)))
    with pytest.raises(InputError, match="sample 1 of 2 is empty"):
        degradation(object_mask, keys(2))


@pytest.mark.parametrize("degradation", ALL, ids=name_of)
def test_a_degradation_is_made_again_from_its_description(degradation: MaskDegradation) -> None:
    object_mask = ellipse(48, 25, 22, 15, 9).expand(16, -1, -1, -1)
    again = make(describe(degradation), MaskDegradation)
    assert torch.equal(again(object_mask, keys(16)), degradation(object_mask, keys(16)))


def test_erosion_takes_a_rim_of_a_share_of_the_longer_side() -> None:
    object_mask = ellipse(32, 15, 16, 14, 9)
    object_mask[..., 15, 12:14] = 0
    worse = Eroded(0.1, 0.1)(object_mask, keys(1))[0, 0]
    assert torch.equal(worse, oracle.eroded(object_mask[0, 0], 0.1 * 29))


def test_the_border_of_the_picture_takes_nothing_away() -> None:
    assert torch.equal(Eroded(0.1, 0.1)(blob(20, 30, (0, 0, 20, 20)), keys(1)), blob(20, 30, (0, 0, 18, 20)))
    assert Eroded(0.3, 0.3)(torch.ones(1, 1, 9, 9), keys(1)).all()


def test_a_mask_of_which_nothing_would_be_left_stays() -> None:
    thin, thick = blob(40, 40, (2, 20, 38, 22)), blob(40, 40, (2, 2, 38, 38))
    worse = Eroded(0.1, 0.1)(torch.cat((thin, thick)), keys(2))
    assert torch.equal(worse[:1], thin) and 0 < worse[1].sum() < thick.sum()


def test_a_shifted_mask_is_the_same_elsewhere_at_the_distance_that_was_drawn() -> None:
    object_mask = ellipse(100, 50, 50, 20, 10).expand(400, -1, -1, -1)
    moves = boxes_of(Shifted(0.1, 0.2)(object_mask, keys(400))) - boxes_of(object_mask)
    assert torch.equal(moves[:, :2], moves[:, 2:])
    distance = moves[:, :2].double().norm(dim=1)
    assert distance.min() > 4.1 - 0.8 and distance.max() < 8.2 + 0.8 and distance.std() > 0.5
    for axis in (0, 1):
        assert moves[:, axis].min() < -6 and moves[:, axis].max() > 6


def test_what_is_shifted_out_of_the_picture_is_lost() -> None:
    object_mask = blob(30, 30, (0, 0, 30, 30)).expand(50, -1, -1, -1)
    areas = Shifted(0.5, 0.5)(object_mask, keys(50)).sum(dim=(1, 2, 3))
    assert areas.max() <= 15 * 30 and areas.min() >= 350


@pytest.mark.parametrize("corners", [3, 4, 8])
def test_a_polygon_has_its_corners_on_the_outline_at_equal_angles(corners: int) -> None:
    """Of a disk, that is a regular polygon of a known area."""
    disk = ellipse(256, 128, 120, 90.5, 90.5)
    worse = CoarsePolygon(corners)(disk.expand(8, -1, -1, -1), keys(8))
    regular = corners / 2 * math.sin(2 * math.pi / corners) * 91**2
    areas = worse.sum(dim=(1, 2, 3))
    assert ((areas / regular - 1).abs() < 0.04).all()
    assert len(worse.flatten(1).unique(dim=0)) == 8  # turned by the key
    assert (worse <= ellipse(256, 128, 120, 92, 92)).all()


def test_many_corners_bring_a_star_shaped_outline_back() -> None:
    object_mask = torch.maximum(ellipse(128, 60, 60, 40, 20), ellipse(128, 70, 60, 15, 45))
    worse = CoarsePolygon(180)(object_mask, keys(1))
    union = torch.maximum(worse, object_mask)
    assert (worse * object_mask).sum() > 0.97 * union.sum()
    coarse = CoarsePolygon(5)(object_mask, keys(1))
    assert (coarse * object_mask).sum() < 0.9 * torch.maximum(coarse, object_mask).sum()


def test_dropped_parts_are_disks_around_points_of_the_object() -> None:
    object_mask = ellipse(128, 64, 64, 50, 30).expand(200, -1, -1, -1)
    worse = DroppedParts(1, 1, 0.1, 0.1)(object_mask, keys(200))
    assert (worse <= object_mask).all()
    lost = (object_mask - worse).sum(dim=(1, 2, 3))
    disk = math.pi * 10.1**2
    assert 0.3 * disk < lost.min() < 0.8 * disk and 0.9 * disk < lost.max() < 1.1 * disk


def test_more_parts_are_drawn_as_often_as_fewer() -> None:
    """Points lie far apart on a long strip, so that each disk of radius 1 leaves a gap of 3."""
    strip = blob(3, 4000, (0, 1, 4000, 2)).expand(600, -1, -1, -1)
    lost = (strip - DroppedParts(1, 3, 1 / 4000, 1 / 4000)(strip, keys(600))).sum(dim=(1, 2, 3))
    for count in (1, 2, 3):
        assert abs((lost == 3 * count).double().mean() - 1 / 3) < 0.08


def test_a_mixture_chooses_by_weight() -> None:
    mixed = MixedDegradation([NoDegradation(), Eroded(0.1, 0.1)], [3.0, 1.0])
    object_mask = ellipse(40, 20, 20, 15, 15).expand(2000, -1, -1, -1)
    kept = (mixed(object_mask, keys(2000)) == object_mask).flatten(1).all(dim=1)
    assert abs(kept.double().mean() - 0.75) < 0.04


def test_settings_that_make_no_sense_are_refused() -> None:
    for kind in (Eroded, Shifted):
        with pytest.raises(SettingError, match=f"{kind.__name__} needs 0 <= min_share"):
            kind(0.2, 0.1)
    with pytest.raises(SettingError, match="3 corners"):
        CoarsePolygon(2)
    for parts in ((0, 1), (3, 2)):
        with pytest.raises(SettingError, match="min_parts"):
            DroppedParts(*parts)
    with pytest.raises(SettingError, match="min_share"):
        DroppedParts(min_share=-0.1)
    with pytest.raises(SettingError, match="weight"):
        MixedDegradation([NoDegradation()], [0.0])
