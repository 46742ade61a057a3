import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.cutout import cut_out, resize_together
from dreaminpainter.errors import InputError
from dreaminpainter.levels import from_levels


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


@given(
    box=st.tuples(st.integers(0, 11), st.integers(0, 8), st.integers(1, 12), st.integers(1, 9)),
    margin=st.floats(0, 1.5),
)
def test_the_background_is_seen_place_by_place_and_its_edges_go_on(
    box: tuple[int, int, int, int], margin: float
) -> None:
    left, top, width, height = box
    mask = torch.zeros(1, 9, 12, dtype=torch.bool)
    mask[:, top : top + height, left : left + width] = True
    rows, columns = torch.meshgrid(torch.arange(9) * 20, torch.arange(12) * 20, indexing="ij")
    background = torch.stack((columns, rows, torch.zeros_like(rows))).to(torch.uint8)
    right, bottom = min(left + width, 12), min(top + height, 9)
    longest = max(right - left, bottom - top)
    side = longest + 2 * math.ceil(longest * margin)
    pixels, subject = cut_out(painted(mask, 255, 0), mask, side, margin, background)  # as large as it is: not resized
    start_x, start_y = left - (side - right + left) // 2, top - (side - bottom + top) // 2
    for y in range(side):
        for x in range(side):
            at_x, at_y = min(max(start_x + x, 0), 11), min(max(start_y + y, 0), 8)
            inside = left <= start_x + x < right and top <= start_y + y < bottom
            assert subject[0, y, x] == inside
            expected = torch.tensor([255] * 3) if inside else background[:, at_y, at_x]
            assert torch.equal(pixels[:, y, x], from_levels(expected))


@pytest.mark.parametrize("size", [16, 64, 200])
def test_the_subject_is_the_same_on_any_background(size: int) -> None:
    mask = ellipse(80, 120, 30, 10, 100, 70)
    image = painted(mask, 50, 200)
    white, mask_1 = cut_out(image, mask, size)
    ones, mask_2 = cut_out(image, mask, size, background=torch.full((3, 80, 120), 255, dtype=torch.uint8))
    black, mask_3 = cut_out(image, mask, size, background=torch.zeros(3, 80, 120, dtype=torch.uint8))
    assert torch.equal(white, ones) and torch.equal(mask_1, mask_2) and torch.equal(mask_1, mask_3)
    level = 50 / 127.5 - 1
    assert black.min() >= -1 and black.max() <= level + 1e-5  # between subject and black: no white fringe
    inside = (white[0] - level).abs() < 1e-5
    assert inside.any() and torch.allclose(black[0][inside], white[0][inside], atol=1e-5)


@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    other=st.tuples(st.integers(1, 60), st.integers(2, 60)),
    seed=st.integers(0, 999),
)
@settings(max_examples=100, deadline=None)
def test_levels_are_resized_as_exact_numbers_are_but_for_rounding(
    size: tuple[int, int], other: tuple[int, int], seed: int
) -> None:
    picture = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    mask = picture[:1] > 127
    levels, small = resize_together(picture, mask, other)
    exact, same = resize_together(picture.float(), mask, other)
    assert levels.dtype == torch.uint8 and torch.equal(small, same)
    assert (levels - exact).abs().max() <= 1.5
