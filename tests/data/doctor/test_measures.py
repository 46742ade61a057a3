from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dreaminpainter.data.doctor.examination import spread
from dreaminpainter.data.doctor.measures import SHIFTS, border_share, centre_share, edges_along, overlap


def test_border_and_centre_are_where_they_are_told_to_be() -> None:
    mask = torch.zeros(1, 100, 200, dtype=torch.bool)
    mask[:, 25:75, 50:150] = True
    assert (border_share(mask), centre_share(mask)) == (0, 1)
    assert (border_share(~mask), centre_share(~mask)) == (1, 0)
    mask[:] = False
    mask[:, :, :100] = True
    assert border_share(mask) == pytest.approx(0.5) and centre_share(mask) == pytest.approx(0.5)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (3, 2)])
def test_the_smallest_pictures_have_a_border(size: tuple[int, int]) -> None:
    assert border_share(torch.ones(1, *size, dtype=torch.bool)) == 1


@pytest.mark.parametrize(
    ("second", "share"),
    [((0, 0, 4, 4), 1.0), ((4, 0, 8, 4), 0.0), ((2, 0, 6, 4), 1 / 3), ((1, 1, 3, 3), 0.25), ((0, 0, 0, 0), 0.0)],
)
def test_overlap_is_intersection_over_union(second: tuple[float, ...], share: float) -> None:
    assert overlap((0, 0, 4, 4), second) == pytest.approx(share)


def test_edges_are_strongest_where_the_object_really_is() -> None:
    image = torch.zeros(3, 120, 160, dtype=torch.uint8)
    image[:, 40:80, 50:100] = 200
    mask = torch.zeros(1, 120, 160, dtype=torch.bool)
    mask[:, 44:84, 44:94] = True  # 4 px too low and 6 px too far left
    edges = edges_along(image, mask)
    assert edges is not None and edges.mean() == pytest.approx(1)
    assert SHIFTS[int(edges.argmax())] == (6, -4)


def test_nothing_is_said_of_small_or_blank_pictures() -> None:
    mask = torch.zeros(1, 40, 40, dtype=torch.bool)
    mask[:, 10:30, 10:30] = True
    assert edges_along(torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8), mask) is None
    assert edges_along(torch.zeros(3, 120, 120, dtype=torch.uint8), torch.nn.functional.pad(mask, (40,) * 4)) is None


@given(st.integers(0, 500), st.integers(1, 600))
def test_what_is_opened_is_spread_over_all_without_repeats(size: int, samples: int) -> None:
    places = spread(size, samples)
    assert len(places) == min(size, samples) and places == sorted(set(places))
    assert all(0 <= place < size for place in places)
    gaps = [after - before for before, after in pairwise([*places, size])]
    assert not gaps or max(gaps) - min(gaps) <= 1
