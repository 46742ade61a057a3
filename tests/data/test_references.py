import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.cutout import cut_out
from dreaminpainter.data.references import FlipRotate, NoAugmentation, ReferenceAugmentation
from dreaminpainter.errors import InputError, SettingError


def ellipse(height: int, width: int, left: int, top: int, right: int, bottom: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    across = (2 * x - left - right) / (right - left)
    down = (2 * y - top - bottom) / (bottom - top)
    return (across**2 + down**2 <= 1)[None]


def painted(mask: Tensor, inside: int, outside: int) -> Tensor:
    return torch.where(mask, inside, outside).to(torch.uint8).expand(3, -1, -1)


@pytest.mark.parametrize("size", [16, 64, 200])
@pytest.mark.parametrize("inside", [0, 120, 255])
def test_no_trace_of_the_background_is_left_at_the_edges(size: int, inside: int) -> None:
    mask = ellipse(80, 120, 30, 10, 100, 70)
    on_black, mask_1 = cut_out(painted(mask, inside, 0), mask, size)
    on_grey, mask_2 = cut_out(painted(mask, inside, 130), mask, size)
    assert torch.equal(on_black, on_grey) and torch.equal(mask_1, mask_2)
    level = inside / 127.5 - 1
    assert on_black.min() >= level - 1e-5 and on_black.max() <= 1  # between subject and white: no dark fringe
    assert (on_black[:, mask_1[0] == 1] < 1 - (1 - level) * 0.49).all() or inside == 255


def test_the_subject_fills_the_square_but_for_the_margin() -> None:
    mask = torch.zeros(1, 80, 120, dtype=torch.bool)
    mask[:, 10:70, 30:50] = True
    pixels, subject = cut_out(painted(mask, 0, 77), mask, 132, margin=0.05)
    rows, columns = subject[0].nonzero().unbind(dim=1)
    assert (int(rows.min()), int(rows.max())) == (6, 125)  # 60 of 66 pixels, doubled
    assert (int(columns.min()), int(columns.max())) == (46, 85)
    assert (pixels[:, :5] == 1).all() and (pixels[:, :, :45] == 1).all()


def test_the_outermost_subject_is_kept_at_the_border_of_the_picture() -> None:
    mask = torch.ones(1, 20, 30, dtype=torch.bool)
    pixels, subject = cut_out(painted(mask, 0, 0), mask, 30, margin=0.0)
    assert subject.mean() == pytest.approx(20 / 30)
    assert (pixels[:, 0] == 1).all() and (pixels[:, 15] == -1).all()


@given(
    box=st.tuples(st.integers(0, 29), st.integers(0, 29), st.integers(1, 30), st.integers(1, 30)),
    size=st.integers(2, 48),
    margin=st.floats(0, 0.5),
)
@settings(max_examples=100, deadline=None)
def test_any_subject_is_cut_out_and_none_is_lost(box: tuple[int, int, int, int], size: int, margin: float) -> None:
    left, top, width, height = box
    mask = torch.zeros(1, 40, 40, dtype=torch.bool)
    mask[:, top : top + height, left : left + width] = True
    pixels, subject = cut_out(painted(mask, 0, 255), mask, size, margin)
    assert pixels.shape == (3, size, size) and subject.shape == (1, size, size)
    assert pixels.min() >= -1 and pixels.max() <= 1 and subject.any() and ((subject == 0) | (subject == 1)).all()


def test_a_subject_without_a_pixel_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        cut_out(torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(1, 4, 4, dtype=torch.bool), 8)


def references(count: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """A black wedge, unlike its mirror image, that reaches into the corners."""
    mask = torch.ones(64, 64).tril()[None, None].expand(count, -1, -1, -1).contiguous()
    return 1 - 2 * mask.expand(-1, 3, -1, -1), mask, torch.arange(count)


AUGMENTATIONS = [NoAugmentation(), FlipRotate(), FlipRotate(flip=1.0, degrees=90.0)]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_an_augmented_reference_depends_on_its_key_alone(augmentation: ReferenceAugmentation) -> None:
    pixels, mask, key = references()
    before = torch.random.get_rng_state()
    together = augmentation(pixels, mask, key)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    alone = [augmentation(pixels[i : i + 1], mask[i : i + 1], key[i : i + 1]) for i in range(len(key))]
    for all_at_once, one_by_one in zip(together, map(torch.cat, zip(*alone, strict=True)), strict=True):
        assert torch.equal(all_at_once, one_by_one)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_picture_and_mask_move_as_one_on_white(augmentation: ReferenceAugmentation) -> None:
    pixels, mask, key = references()
    new_pixels, new_mask = augmentation(pixels, mask, key)
    assert new_pixels.shape == pixels.shape and new_mask.shape == mask.shape
    assert new_pixels.min() >= -1 and new_pixels.max() <= 1 and ((new_mask == 0) | (new_mask == 1)).all()
    dark = new_pixels.mean(dim=1, keepdim=True)
    assert (dark[new_mask == 1] <= 1e-4).all() and (dark[new_mask == 0] >= -1e-4).all()
    assert (dark > 0.99).double().mean() > 0.3


def test_a_turned_subject_keeps_all_its_parts() -> None:
    mask = torch.ones(32, 1, 64, 64)
    _, turned = FlipRotate(degrees=90.0)(-torch.ones(32, 3, 64, 64), mask, torch.arange(32))
    assert turned[:, 0, :, [0, -1]].mean() < 0.2 and turned[:, 0, [0, -1]].mean() < 0.2
    sides = turned.sum(dim=(1, 2, 3)).sqrt()
    assert (sides >= 64 / 2**0.5 - 2).all() and (sides <= 65).all()


def test_half_are_mirrored_and_angles_spread_both_ways() -> None:
    pixels, mask, key = references(400)
    _, mirrored = FlipRotate(degrees=0.0)(pixels, mask, key)
    same = (mirrored == mask).flatten(1).double().mean(dim=1) > 0.9
    assert 0.4 < same.double().mean() < 0.6
    bar = torch.zeros(400, 1, 65, 65)
    bar[:, :, 32, 8:57] = 1
    bar[:, :, 31:34, 50:57] = 1
    _, turned = FlipRotate(flip=0.0)(1 - 2 * bar.expand(-1, 3, -1, -1), bar, key)
    ends = torch.stack([one[0, :, 46:].nonzero().double().mean(dim=0) for one in turned])
    angles = torch.rad2deg(torch.atan2(32 - ends[:, 0], ends[:, 1] + 46 - 32))
    assert -21 < angles.min() < -17 and 17 < angles.max() < 21


def test_augmentations_are_made_again_from_their_description() -> None:
    pixels, mask, key = references(4)
    for augmentation in AUGMENTATIONS:
        again = make(describe(augmentation), ReferenceAugmentation)
        assert torch.equal(again(pixels, mask, key)[0], augmentation(pixels, mask, key)[0])


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="flip"):
        FlipRotate(flip=1.5)
    with pytest.raises(SettingError, match="degrees"):
        FlipRotate(degrees=-3.0)
