from itertools import pairwise

import pytest
import torch
from drawn_masks import blob, keys

from dreaminpainter.data.masking import BoxMask, ExactMask, LooseBoxMask, MaskGenerator, MixtureMask, ScheduledMask
from dreaminpainter.errors import SettingError
from dreaminpainter.schedules import Constant, Linear


def two_pixels(count: int) -> torch.Tensor:
    """Two pixels apart: an exact hole of 2, a box of 20."""
    mask = torch.zeros(1, 1, 9, 9)
    mask[0, 0, 2, 3] = mask[0, 0, 5, 7] = 1
    return mask.expand(count, -1, -1, -1)


def share_of_boxes(mask: MaskGenerator, count: int, step: int = 0) -> float:
    areas = mask(two_pixels(count), keys(count), step).sum(dim=(1, 2, 3))
    assert set(areas.tolist()) <= {2.0, 20.0}
    return float((areas == 20).double().mean())


def test_a_mixture_chooses_by_weight_and_never_what_has_none() -> None:
    mixture = MixtureMask([BoxMask(), ExactMask(), LooseBoxMask(3.0, 3.0, 1.0)], [3.0, 1.0, 0.0])
    assert abs(share_of_boxes(mixture, 2000) - 0.75) < 0.04


def test_a_mixture_within_a_mixture_chooses_anew() -> None:
    mixture = MixtureMask([MixtureMask([ExactMask(), BoxMask()]), MixtureMask([ExactMask(), BoxMask()])])
    assert abs(share_of_boxes(mixture, 1000) - 0.5) < 0.06
    first_of_all = MixtureMask([MixtureMask([ExactMask(), BoxMask()]), BoxMask()])
    assert abs(share_of_boxes(first_of_all, 1000) - 0.75) < 0.06


def test_a_schedule_hands_over_from_one_generator_to_the_other() -> None:
    scheduled = ScheduledMask(ExactMask(), BoxMask(), Linear(0.0, 1.0, steps=1000))
    for step, share in ((0, 0.0), (250, 0.25), (500, 0.5), (1000, 1.0), (5000, 1.0)):
        assert abs(share_of_boxes(scheduled, 2000, step) - share) < (0.04 if 0 < share < 1 else 1e-9)


def test_a_sample_that_has_been_handed_over_stays_so() -> None:
    scheduled = ScheduledMask(ExactMask(), BoxMask(), Linear(0.0, 1.0, steps=100))
    holes = [scheduled(two_pixels(200), keys(200), step) for step in range(0, 101, 20)]
    assert all((later >= earlier).all() for earlier, later in pairwise(holes))


def test_parts_hear_the_step_and_draw_anew() -> None:
    inner = ScheduledMask(ExactMask(), BoxMask(), Linear(0.0, 1.0, steps=10))
    for outer in (MixtureMask([inner]), ScheduledMask(inner, inner, Constant(0.5))):
        assert share_of_boxes(outer, 100, step=0) == 0
        assert share_of_boxes(outer, 100, step=10) == 1
    half = ScheduledMask(ExactMask(), BoxMask(), Constant(0.5))
    assert abs(share_of_boxes(ScheduledMask(ExactMask(), half, Constant(0.5)), 1000) - 0.25) < 0.06


def test_settings_that_make_no_sense_are_refused() -> None:
    for masks, weights in (([], None), ([ExactMask()], [1.0, 2.0]), ([ExactMask()], [0.0]), ([ExactMask()], [-1.0])):
        with pytest.raises(SettingError, match="weight"):
            MixtureMask(masks, weights)


def test_a_schedule_that_leaves_shares_is_refused_with_its_step() -> None:
    with pytest.raises(SettingError, match=r"1\.5 at step 3"):
        ScheduledMask(ExactMask(), BoxMask(), Linear(0.0, 2.0, steps=4))(blob(8, 8, (1, 1, 3, 3)), keys(1), step=3)
