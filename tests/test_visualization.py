import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from dreaminpainter.visualization import grid_picture, mark_tokens, show_hole, show_outline, to_image


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def as_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image))


def cell(marked: Tensor, row: int, column: int, size: int) -> Tensor:
    """A cell without its outline."""
    return marked[:, row * size + 3 : (row + 1) * size - 3, column * size + 3 : (column + 1) * size - 3]


def test_chosen_cells_keep_their_pixels_and_the_others_fade() -> None:
    pixels = picture(128, 128)
    marked, shown = mark_tokens(pixels, torch.tensor([6, 13]), grid=(4, 4)), pixels / 2 + 0.5
    inside = mark_tokens(pixels, torch.tensor([6, 13]), grid=(8, 8))
    assert torch.allclose(cell(inside, 0, 6, 16), cell(shown, 0, 6, 16), atol=1 / 255)
    for row in range(4):
        for column in range(4):
            if 4 * row + column not in (6, 13):
                assert cell(marked, row, column, 32).mean() > cell(shown, row, column, 32).mean() + 0.1


def test_grids_are_read_row_by_row() -> None:
    pixels = -torch.ones(3, 64, 128)
    marked = mark_tokens(pixels, torch.tensor([9]), grid=(4, 8))
    assert cell(marked, 1, 1, 16).max() == 0
    for row, column in ((16, 24), (31, 24), (24, 16), (24, 31)):
        assert marked[0, row, column] > 2 * marked[1, row, column], "no outline"
    assert cell(marked, 0, 1, 16).min() > 0 and cell(marked, 1, 0, 16).min() > 0


def test_a_class_token_shifts_the_cells_and_is_drawn_as_a_frame() -> None:
    pixels = picture(64, 64)
    without = mark_tokens(pixels, torch.tensor([5]), grid=(4, 4))
    assert torch.equal(mark_tokens(pixels, torch.tensor([6]), (4, 4), has_class_token=True), without)
    framed = mark_tokens(pixels, torch.tensor([0, 6]), (4, 4), has_class_token=True)
    assert (framed[:, 0] == framed[:, 0, :1]).all() and not (without[:, 0] == without[:, 0, :1]).all()


def test_the_outline_tells_first_from_last() -> None:
    marked = mark_tokens(torch.ones(3, 64, 64), torch.tensor([0, 5, 10]), grid=(4, 4))
    first, middle, last = (marked[:, 16 * place, 16 * place + 8] for place in range(3))
    assert first[0] > middle[0] > last[0] and first[1] < middle[1] < last[1]


@given(st.integers(8, 96), st.integers(8, 96), st.data())
def test_marks_have_the_size_and_range_of_the_picture(height: int, width: int, data: st.DataObject) -> None:
    grid = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    count = grid[0] * grid[1]
    indices = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count, unique=True)))
    marked = mark_tokens(picture(height, width), indices, grid)
    assert marked.shape == (3, height, width) and marked.min() >= 0 and marked.max() <= 1


def test_an_image_level_token_marks_the_whole_picture() -> None:
    pixels = picture(32, 32)
    marked = mark_tokens(pixels, torch.tensor([0]), grid=(1, 1))
    assert marked.shape == (3, 32, 32)
    assert torch.allclose(marked[:, 1:8, 1:8], (pixels / 2 + 0.5)[:, 1:8, 1:8], atol=1 / 255)


def test_the_hole_hides_the_scene_and_nothing_else() -> None:
    pixels, mask = picture(64, 96), torch.zeros(1, 64, 96)
    mask[:, 10:40, 20:70] = 1
    shown = show_hole(pixels, mask)
    hidden = mask.expand(3, -1, -1) > 0
    assert torch.equal(shown[~hidden], (pixels / 2 + 0.5)[~hidden])
    assert torch.equal(shown, torch.where(hidden, show_hole(-pixels, mask), shown))
    grey = shown[hidden].view(3, -1)
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[1], grey[2]) and grey.unique().numel() > 3
    assert (shown[:, 10, 20:70] < 0.6).all() and (shown[:, 25, 45] > 0.6).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_half_precision_pictures_can_be_shown(dtype: torch.dtype) -> None:
    pixels = picture(32, 32).to(dtype)
    assert show_hole(pixels, torch.ones(1, 32, 32, dtype=dtype)).dtype == torch.float32
    assert mark_tokens(pixels, torch.tensor([1]), (2, 2)).dtype == torch.float32


def test_a_grid_holds_every_picture_at_its_place_and_size() -> None:
    red, blue = torch.tensor([1.0, 0, 0]).view(3, 1, 1), torch.tensor([0, 0, 1.0]).view(3, 1, 1)
    rows = [[red.expand(3, 32, 32), blue.expand(3, 16, 32)], [blue.expand(3, 64, 32), red.expand(3, 500, 500)]]
    drawn = as_tensor(grid_picture(["one", "two"], rows, ["a caption", ""], cell=64))
    halves = drawn[:, :70], drawn[:, 70:]
    counts = [
        [int((half == torch.tensor(colour)).all(-1).sum()) for half in halves] for colour in ((255, 0, 0), (0, 0, 255))
    ]
    assert counts == [[64 * 64, 64 * 64], [64 * 32, 64 * 32]]
    assert (drawn[0] == 255).all() and (drawn[:, 0] == 255).all() and (drawn[-1] == 255).all()


def test_long_captions_are_wrapped_and_empty_ones_take_no_space() -> None:
    rows = [[torch.zeros(3, 8, 8)] * 2]
    none, short, long = (
        grid_picture(["one", "two"], rows, [text], cell=96) for text in ("", "word", "many words " * 20)
    )
    assert none.width == short.width == long.width
    assert none.height < short.height < long.height
    margin = as_tensor(long)[:, -4:]
    assert (margin == 255).all()


def test_pictures_are_rounded_to_the_nearest_level() -> None:
    assert to_image(torch.full((3, 1, 1), 0.5 / 255 + 1e-4)).getpixel((0, 0)) == (1, 1, 1)
    assert to_image(torch.full((3, 1, 1), 2.0)).getpixel((0, 0)) == (255, 255, 255)


def test_an_outline_marks_both_sides_of_a_masks_edge_and_nothing_else() -> None:
    image, mask = torch.zeros(3, 40, 40), torch.zeros(1, 40, 40)
    mask[:, 10:30, 10:30] = 1
    drawn = show_outline(image, mask)
    bright, dark = (drawn != 0.5).any(0) & (mask[0] > 0), (drawn < 0.2).all(0) & (mask[0] == 0)
    assert bright.sum() == 20 * 20 - 18 * 18 and bool(bright[10, 10:30].all())
    assert dark.sum() == 22 * 22 - 20 * 20 and bool(dark[9, 9:31].all())
    assert ((drawn == 0.5).all(0) | bright | dark).all()


def test_a_mask_of_everything_or_nothing_has_no_outline() -> None:
    image = picture(30, 20)
    for mask in (torch.zeros(1, 30, 20), torch.ones(1, 30, 20)):
        assert torch.equal(show_outline(image, mask), image / 2 + 0.5)
