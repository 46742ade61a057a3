import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.data.masking import (
    BoxMask,
    DilatedMask,
    ExactMask,
    LooseBoxMask,
    MaskGenerator,
    MixtureMask,
    boxes_of,
)
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.randomness import bits

GENERATORS: list[MaskGenerator] = [
    ExactMask(),
    DilatedMask(),
    DilatedMask(0.0, 0.6),
    BoxMask(),
    LooseBoxMask(),
    LooseBoxMask(1.0, 1.0, 4.0),
    MixtureMask([ExactMask(), DilatedMask(), BoxMask(), MixtureMask([LooseBoxMask(), BoxMask()], [1, 3])]),
]


def keys(count: int, seed: int = 0) -> Tensor:
    return bits(torch.tensor([seed]), count, "test")[0]


def blob(height: int, width: int, box: tuple[int, int, int, int]) -> Tensor:
    mask = torch.zeros(1, 1, height, width)
    left, top, right, bottom = box
    mask[..., top:bottom, left:right] = 1
    return mask


@st.composite
def object_masks(draw: st.DrawFn) -> Tensor:
    """Scattered pixels anywhere, never none, in one to four pictures."""
    count, height, width = draw(st.integers(1, 4)), draw(st.integers(1, 24)), draw(st.integers(1, 24))
    mask = torch.zeros(count, 1, height, width)
    for sample in mask:
        for _ in range(draw(st.integers(1, 4))):
            sample[0, draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = 1
    return mask


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: type(generator).__name__)
@given(object_mask=object_masks(), seed=st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=60, deadline=None)
def test_the_hole_contains_its_object_whatever_the_batch(
    generator: MaskGenerator, object_mask: Tensor, seed: int
) -> None:
    key = keys(len(object_mask), seed)
    hole = generator(object_mask, key)
    assert hole.shape == object_mask.shape and hole.dtype == object_mask.dtype
    assert ((hole == 0) | (hole == 1)).all()
    assert (hole >= object_mask).all()
    alone = torch.cat([generator(object_mask[i : i + 1], key[i : i + 1]) for i in range(len(key))])
    assert torch.equal(hole, alone)


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: type(generator).__name__)
def test_an_empty_object_is_refused(generator: MaskGenerator) -> None:
    object_mask = torch.cat((blob(8, 8, (1, 1, 3, 3)), torch.zeros(1, 1, 8, 8)))
    with pytest.raises(InputError, match="sample 1 of 2 is empty"):
        generator(object_mask, keys(2))


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: type(generator).__name__)
def test_a_generator_is_made_again_from_its_description(generator: MaskGenerator) -> None:
    object_mask = blob(32, 32, (8, 10, 16, 18)).expand(16, -1, -1, -1)
    again = make(describe(generator), MaskGenerator)
    assert torch.equal(again(object_mask, keys(16)), generator(object_mask, keys(16)))


def test_the_object_given_is_left_alone() -> None:
    object_mask = blob(8, 8, (1, 1, 3, 3))
    hole = ExactMask()(object_mask, keys(1))
    hole.zero_()
    assert object_mask.sum() == 4


def test_boxes_end_one_past_the_last_pixel() -> None:
    mask = torch.cat((blob(10, 12, (3, 2, 7, 9)), blob(10, 12, (0, 0, 12, 10)), blob(10, 12, (11, 9, 12, 10))))
    assert boxes_of(mask).tolist() == [[3, 2, 7, 9], [0, 0, 12, 10], [11, 9, 12, 10]]
    assert torch.equal(boxes_of(mask.bool()), boxes_of(mask))


def test_dilation_is_by_a_disk_whose_radius_is_a_share_of_the_longer_side() -> None:
    mask = torch.zeros(1, 1, 41, 61)
    mask[0, 0, 20, 20:40] = 1
    mask[0, 0, 18, 30] = 1
    hole = DilatedMask(0.25, 0.25)(mask, keys(1))
    y, x = torch.meshgrid(torch.arange(41), torch.arange(61), indexing="ij")
    ones = mask[0, 0].nonzero()
    distance = ((y[..., None] - ones[:, 0]) ** 2 + (x[..., None] - ones[:, 1]) ** 2).amin(dim=-1)
    assert torch.equal(hole[0, 0].bool(), distance <= 5**2)


def test_dilation_draws_a_radius_for_each_key() -> None:
    areas = DilatedMask()(blob(64, 64, (20, 20, 44, 44)).expand(32, -1, -1, -1), keys(32)).sum(dim=(1, 2, 3))
    assert len(areas.unique()) > 2


def test_a_box_is_filled() -> None:
    mask = torch.zeros(1, 1, 9, 9)
    mask[0, 0, 2, 3] = mask[0, 0, 5, 7] = 1
    assert torch.equal(BoxMask()(mask, keys(1)), blob(9, 9, (3, 2, 8, 6)))


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


def test_a_mixture_chooses_by_weight_and_never_what_has_none() -> None:
    mask = torch.zeros(1, 1, 9, 9)
    mask[0, 0, 2, 3] = mask[0, 0, 5, 7] = 1
    mixture = MixtureMask([BoxMask(), ExactMask(), LooseBoxMask(3.0, 3.0, 1.0)], [3.0, 1.0, 0.0])
    areas = mixture(mask.expand(2000, -1, -1, -1), keys(2000)).sum(dim=(1, 2, 3))
    assert set(areas.tolist()) == {2.0, 20.0}
    assert abs((areas == 20).double().mean() - 0.75) < 0.04


def test_a_mixture_within_a_mixture_chooses_anew() -> None:
    mask = torch.zeros(1, 1, 9, 9)
    mask[0, 0, 2, 3] = mask[0, 0, 5, 7] = 1
    mixture = MixtureMask([MixtureMask([ExactMask(), BoxMask()]), MixtureMask([ExactMask(), BoxMask()])])
    first_of_all = MixtureMask([MixtureMask([ExactMask(), BoxMask()]), LooseBoxMask(3.0, 3.0, 1.0)])
    exact = [(m(mask.expand(1000, -1, -1, -1), keys(1000)).sum(dim=(1, 2, 3)) == 2) for m in (mixture, first_of_all)]
    assert abs(exact[0].double().mean() - 0.5) < 0.06
    assert abs(exact[1].double().mean() - 0.25) < 0.06


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingError, match="min_share"):
        DilatedMask(0.3, 0.1)
    with pytest.raises(SettingError, match="min_scale"):
        LooseBoxMask(0.9, 1.2)
    with pytest.raises(SettingError, match="max_aspect"):
        LooseBoxMask(max_aspect=0.5)
    for masks, weights in (([], None), ([ExactMask()], [1.0, 2.0]), ([ExactMask()], [0.0]), ([ExactMask()], [-1.0])):
        with pytest.raises(SettingError, match="weight"):
            MixtureMask(masks, weights)
