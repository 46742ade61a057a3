import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.cutout import resize_together
from dreaminpainter.data.framing import Framed, Framing
from dreaminpainter.data.sources import Instance
from dreaminpainter.errors import InputError, SettingError


def instance(mask: Tensor) -> Instance:
    """Marked pixel by pixel: red where the object is, blue for the row, green for the column."""
    height, width = mask.shape[1:]
    rows = torch.linspace(0, 255, height)[:, None].expand(height, width)
    columns = torch.linspace(0, 255, width).expand(height, width)
    image = torch.stack((mask[0] * 255.0, columns, rows)).round().to(torch.uint8)
    return Instance(image, mask, "dog", (0, 0, 1, 1), [], "mine", "1")


def box_mask(height: int, width: int, box: tuple[int, int, int, int]) -> Tensor:
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    left, top, right, bottom = box
    mask[:, top:bottom, left:right] = True
    return mask


def framed_by(
    key: int, mask: Tensor, height: int, width: int, min_share: float = 0.0, max_share: float = 0.5
) -> Framed:
    return Framing(min_share, max_share)(instance(mask), height, width, torch.tensor([key]))


def shown_share(framed: Framed) -> float:
    """The object's share of the scene by its marker, which no threshold has rounded."""
    return float((framed.image[0] / 255).mean())


@st.composite
def boxes(draw: st.DrawFn, smallest: int, largest: int) -> Tensor:
    """A picture of any aspect with a box in it."""
    height, width = draw(st.integers(smallest, largest)), draw(st.integers(smallest, largest))
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return box_mask(height, width, (left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))))


def test_details_stay_where_they_are_through_crop_and_resize() -> None:
    mask = box_mask(60, 90, (40, 20, 70, 50))
    marked = instance(mask)
    marked.detail_mask = box_mask(60, 90, (52, 31, 54, 33))
    for side in (24, 60, 120):
        framed = Framing()(marked, side, side, torch.tensor([5]))
        ys, xs = framed.detail_mask[0].nonzero().unbind(1)
        # Red is the object, green the column, blue the row of the picture that each pixel shows.
        assert ((framed.image[1, ys, xs] / 255 * 89 - 52.5).abs() < 0.5 + 2 * 60 / side).all()
        assert ((framed.image[2, ys, xs] / 255 * 59 - 31.5).abs() < 0.5 + 2 * 60 / side).all()
        assert 0 < len(ys) < 0.05 * side**2


def test_a_detail_smaller_than_a_pixel_is_not_lost() -> None:
    marked = instance(box_mask(64, 64, (8, 8, 56, 56)))
    marked.detail_mask = box_mask(64, 64, (30, 30, 31, 31))
    assert Framing()(marked, 4, 4, torch.tensor([1])).detail_mask.sum() == 1


# From 2 pixels on: torch 2.15's antialiased interpolation repeats the first row where the output is 1 pixel wide.
@given(mask=boxes(1, 90), height=st.integers(2, 48), width=st.integers(2, 48), key=st.integers(0, 2**62))
@settings(max_examples=200, deadline=None)
def test_the_mask_stays_on_the_object_through_crop_and_resize(mask: Tensor, height: int, width: int, key: int) -> None:
    framed = framed_by(key, mask, height, width)
    assert framed.image.shape == (3, height, width) and framed.object_mask.shape == (1, height, width)
    assert framed.image.dtype == torch.uint8
    assert ((framed.object_mask == 0) | (framed.object_mask == 1)).all()
    assert framed.object_mask.any()
    marker = framed.image[0] / 255
    if (marker > 0.5).any():
        certain = (marker - 0.5).abs() > 1 / 255
        assert torch.equal((marker > 0.5)[certain], framed.object_mask[0].bool()[certain])
    else:
        assert framed.object_mask.sum() == 1 or (marker[framed.object_mask[0] == 1] > 0).all()


@given(mask=boxes(32, 200), height=st.integers(24, 64), width=st.integers(24, 64), key=st.integers(0, 2**62))
@settings(max_examples=200, deadline=None)
def test_the_object_is_whole_and_takes_no_more_than_its_share_where_the_picture_allows(
    mask: Tensor, height: int, width: int, key: int
) -> None:
    framed = framed_by(key, mask, height, width, max_share=0.4)
    picture_height, picture_width = mask.shape[1:]
    largest = min(picture_width, picture_height * width / height)
    ys, xs = mask[0].nonzero().unbind(dim=1)
    box_width, box_height = int(xs.max() - xs.min()) + 1, int(ys.max() - ys.min()) + 1
    share = shown_share(framed)
    whole = box_width <= largest and box_height <= largest * height / width
    if whole:
        in_largest = box_width * box_height / (largest**2 * height / width)
        assert share <= max(0.4, in_largest) * 1.02 + 0.01
        assert share >= in_largest * 0.95 - 0.01
    else:
        assert share > 0


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 48), (48, 32)])
def test_the_crop_has_the_aspect_asked_for(height: int, width: int) -> None:
    mask = box_mask(120, 160, (70, 50, 100, 80))
    for key in range(20):
        pixels = framed_by(key, mask, height, width).image / 255
        rows = (pixels[2, -1, 0] - pixels[2, 0, 0]) * 119 * height / (height - 1)
        columns = (pixels[1, 0, -1] - pixels[1, 0, 0]) * 159 * width / (width - 1)
        assert abs(columns / rows - width / height) < 0.06


@pytest.mark.parametrize("box", [(150, 60, 154, 160), (60, 150, 160, 154)])
def test_a_crop_holds_all_of_a_long_thin_object(box: tuple[int, int, int, int]) -> None:
    for key in range(50):
        pixels = framed_by(key, box_mask(200, 200, box), 16, 16).image / 255
        rows = (pixels[2, -1, 0] - pixels[2, 0, 0]) * 199 * 16 / 15
        columns = (pixels[1, 0, -1] - pixels[1, 0, 0]) * 199 * 16 / 15
        assert pixels[0].mean() * rows * columns == pytest.approx(400, rel=0.3)  # borders weigh unevenly


def test_the_greatest_share_is_reached_and_kept_whatever_the_aspect() -> None:
    wide, tall = box_mask(200, 200, (50, 60, 140, 90)), box_mask(200, 200, (50, 60, 80, 150))
    for mask, size in ((wide, (16, 48)), (tall, (48, 16))):
        shares = [shown_share(framed_by(key, mask, *size)) for key in range(300)]
        assert 0.47 < max(shares) < 0.51


@given(
    mask=boxes(32, 200),
    height=st.integers(24, 64),
    width=st.integers(24, 64),
    min_share=st.floats(0.01, 0.4),
    key=st.integers(0, 2**62),
)
@settings(max_examples=200, deadline=None)
def test_the_least_share_is_kept_wherever_the_object_is_large_enough(
    mask: Tensor, height: int, width: int, min_share: float, key: int
) -> None:
    area, aspect = float(mask.sum()), width / height
    ys, xs = mask[0].nonzero().unbind(dim=1)
    box_width, box_height = int(xs.max() - xs.min()) + 1, int(ys.max() - ys.min()) + 1
    widest = (area / min_share * aspect) ** 0.5 - 2  # two pixels for what is rounded up
    least = max(box_width, box_height * aspect, width, (area / 0.4 * aspect) ** 0.5)
    crop = framed_by(key, mask, height, width, min_share=min_share, max_share=0.4)
    if least <= min(widest, mask.shape[2], mask.shape[1] * aspect):
        assert shown_share(crop) >= min_share * 0.95 - 0.01
        assert shown_share(crop) <= 0.4 * 1.02 + 0.01


def test_shares_spread_over_all_of_the_range_that_is_asked_for() -> None:
    mask = box_mask(400, 400, (150, 150, 250, 250))
    shares = [shown_share(framed_by(key, mask, 32, 32, min_share=0.2, max_share=0.3)) for key in range(300)]
    assert 0.19 < min(shares) < 0.21 and 0.28 < max(shares) < 0.305


def test_a_small_object_is_not_blown_up_for_the_least_share() -> None:
    mask = box_mask(100, 100, (45, 45, 55, 55))
    crops = [framed_by(key, mask, 50, 50, min_share=0.3) for key in range(20)]
    assert all(shown_share(crop) == pytest.approx(100 / 50**2, rel=0.05) for crop in crops)


def test_shares_out_of_range_are_refused_and_framing_is_made_again_from_its_description() -> None:
    for shares in ((-0.1, 0.5), (0.6, 0.5), (0.0, 0.0), (0.0, 1.5)):
        with pytest.raises(SettingError, match="min_share"):
            Framing(*shares)
    again = make(describe(Framing(0.1, 0.3)), Framing)
    assert (again.min_share, again.max_share) == (0.1, 0.3)


def test_size_and_place_follow_the_key() -> None:
    mask = box_mask(120, 160, (70, 50, 90, 70))
    assert torch.equal(framed_by(3, mask, 32, 32).image, framed_by(3, mask, 32, 32).image)
    shares = torch.tensor([float(framed_by(key, mask, 32, 32).object_mask.mean()) for key in range(200)])
    smallest, largest = 400 / 120**2, 400 / 32**2
    assert shares.min() < smallest * 1.25 and shares.max() > largest * 0.8
    centres = torch.stack(
        [framed_by(key, mask, 32, 32).object_mask[0].nonzero().double().mean(0) for key in range(200)]
    )
    assert (centres.amin(dim=0) < 10).all() and (centres.amax(dim=0) > 21).all()


def test_pixels_are_not_blown_up_where_the_picture_is_large_enough() -> None:
    mask = box_mask(100, 100, (48, 48, 52, 52))
    for key in range(50):
        assert framed_by(key, mask, 64, 64).object_mask.sum() <= 16


def test_a_picture_smaller_than_asked_for_is_scaled_up_whole() -> None:
    framed = framed_by(0, box_mask(8, 8, (2, 2, 4, 6)), 32, 32)
    expected = box_mask(32, 32, (8, 8, 16, 24)).float()
    assert (framed.object_mask != expected).sum() <= 4  # the corners, which are round


def test_an_object_wider_than_any_crop_is_shown_as_far_as_it_goes() -> None:
    mask = box_mask(20, 100, (0, 8, 2, 12)) | box_mask(20, 100, (70, 0, 100, 20))
    for key in range(10):
        assert framed_by(key, mask, 20, 20).object_mask.all()


def test_an_object_smaller_than_a_pixel_is_not_lost() -> None:
    mask = box_mask(100, 100, (37, 81, 38, 82))
    image, small = resize_together(torch.zeros(3, 100, 100, dtype=torch.uint8), mask, (10, 10))
    assert image.shape == (3, 10, 10)
    assert small.nonzero().tolist() == [[0, 8, 3]]


def test_an_instance_without_an_object_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        framed_by(0, torch.zeros(1, 8, 8, dtype=torch.bool), 8, 8)
