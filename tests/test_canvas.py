import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreaminpainter.canvas import Canvas, canvases_of, feathered, resize, working_size
from dreaminpainter.errors import InputError


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_working_sizes_divide_and_keep_about_area_and_shape(height, width):
    rows, columns = working_size((height, width), (128, 96), 8)
    assert rows % 8 == columns % 8 == 0 and rows >= 8 and columns >= 8
    if 1 / 3 < height / width < 3:
        assert 0.8 < rows * columns / (128 * 96) < 1.25
        assert 0.8 < (rows / columns) / (height / width) < 1.25


def test_a_picture_of_the_trained_size_is_left_as_it_is():
    picture = torch.rand(3, 128, 96)
    assert working_size((128, 96), (128, 96), 8) == (128, 96)
    assert torch.equal(resize(picture, (128, 96)), picture)


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    target=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 999),
)
def test_resized_masks_lose_no_touched_pixel(size, target, seed):
    mask = torch.rand(1, *size, generator=torch.Generator().manual_seed(seed)) > 0.8
    resized = Canvas.whole(torch.zeros(3, *size), mask).hole(target)[0]
    for row in range(target[0]):
        for column in range(target[1]):
            # Every source pixel that overlaps the cell counts.
            top, bottom = row * size[0] // target[0], -(-(row + 1) * size[0] // target[0])
            left, right = column * size[1] // target[1], -(-(column + 1) * size[1] // target[1])
            assert resized[row, column] == mask[0, top:bottom, left:right].max()


@pytest.mark.parametrize("size", [(9, 13), (13, 9), (16, 16)])
def test_pasting_keeps_every_pixel_outside_the_mask_to_the_bit(size):
    picture = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[:, 2:5, 3:6] = True
    for kind, level in ((picture, 64), (picture / 255, 0.25)):
        filled = Canvas.whole(kind, mask).filled(torch.full((3, 16, 16), 0.25))
        assert filled.dtype == kind.dtype
        assert torch.equal(filled[~mask.expand(3, -1, -1)], kind[~mask.expand(3, -1, -1)])
        torch.testing.assert_close(filled[mask.expand(3, -1, -1)].float().mean(), torch.tensor(float(level)))


def picture_with_hole(height: int, width: int, box: tuple[int, int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    picture = torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    left, top, right, bottom = box
    mask[:, top:bottom, left:right] = True
    return picture, mask


boxes = st.tuples(st.integers(0, 89), st.integers(0, 59), st.integers(1, 90), st.integers(1, 60)).map(
    lambda box: (box[0], box[1], min(90, box[0] + box[2]), min(60, box[1] + box[3]))
)


@given(box=boxes, padding=st.integers(0, 30), feather=st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_a_window_holds_the_hole_and_its_padding_and_nothing_outside_the_hole_changes(box, padding, feather):
    picture, mask = picture_with_hole(60, 90, box)
    canvas = Canvas.around_hole(picture, mask, padding, (32, 32))
    rows, columns = canvas.window
    assert columns.start <= max(0, box[0] - padding) and columns.stop >= min(90, box[2] + padding)
    assert rows.start <= max(0, box[1] - padding) and rows.stop >= min(60, box[3] + padding)
    filled = canvas.filled(torch.rand(3, 32, 32), feather)
    assert torch.equal(filled[:, ~mask[0]], picture[:, ~mask[0]])
    assert canvas.hole((32, 32)).any() and canvas.scene((32, 32)).abs().max() <= 1


def test_the_hole_is_filled_with_what_lies_there_in_the_window():
    picture, mask = picture_with_hole(60, 90, (40, 20, 60, 30))
    canvas = Canvas.around_hole(picture, mask, 6, (32, 32))
    slope = torch.linspace(0, 1, 90)[None, None].expand(3, 60, 90)
    seen = resize(slope[:, canvas.window[0], canvas.window[1]], (32, 32))
    filled = canvas.filled(seen)
    assert (filled[:, 20:30, 40:60].float() / 255 - slope[:, 20:30, 40:60]).abs().max() < 0.02


def test_a_feather_rises_from_the_edge_inwards_and_is_whole_in_the_middle():
    _, mask = picture_with_hole(60, 90, (0, 20, 50, 50))
    share = feathered(mask, 4)
    assert (share[~mask] == 0).all()
    assert torch.allclose(share[0, 35, 40:50], torch.tensor([9, 9, 9, 9, 9, 9, 7, 5, 3, 1]) / 9)
    assert (share[0, 35, :46] == 1).all(), "at the picture's border there is nothing to fade into"


def test_what_is_asked_for_is_rounded_down_to_what_the_model_can_halve():
    pictures = [picture_with_hole(60, 90, (40, 20, 60, 30)), picture_with_hole(90, 60, (10, 20, 30, 30))]
    given = [list(part) for part in zip(*pictures, strict=True)]
    assert canvases_of(*given, 45, 30, None, (64, 64), 8)[1] == (40, 24)
    assert canvases_of(*given, None, None, 4, (64, 64), 8)[1] == (64, 64)
    with pytest.raises(InputError, match="differ in shape"):
        canvases_of(*given, None, None, None, (64, 64), 8)
