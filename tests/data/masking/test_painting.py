"""What strokes, polygons and draws are made of."""

import math

import torch
from drawn_masks import blob, keys, object_masks
from hypothesis import given
from hypothesis import strategies as st
from oracles import masks as oracle
from torch import Tensor

from dreaminpainter.data.draws import some_ones
from dreaminpainter.data.masking.painting import fill_polygons, paint_strokes

LIKE = torch.zeros(1, 1, 20, 25)
POINTS = st.tuples(st.floats(-10, 35, width=16), st.floats(-10, 30, width=16))
EDGE = 1e-3
"""Nearer than this to an edge, rounding may decide."""


@given(ends=st.lists(st.tuples(POINTS, POINTS, st.floats(0, 9, width=16)), min_size=1, max_size=4))
def test_a_stroke_is_all_that_is_near_its_line(ends: list[tuple[oracle.Point, oracle.Point, float]]) -> None:
    start, end = (torch.tensor([[one[i] for one in ends]]) for i in (0, 1))
    painted = paint_strokes(start, end, torch.tensor([[one[2] for one in ends]]), LIKE)[0, 0]
    for y in range(20):
        for x in range(25):
            spare = max(radius - oracle.distance_to_line(x, y, a, b) for a, b, radius in ends)
            if abs(spare) > EDGE:
                assert painted[y, x] == (spare > 0), (x, y)


def test_strokes_along_the_axes_and_single_points_are_painted() -> None:
    start = torch.tensor([[[5.0, 5.0], [2.0, 12.0], [20.0, 3.0]]])
    end = torch.tensor([[[5.0, 5.0], [9.0, 12.0], [20.0, 9.0]]])
    painted = paint_strokes(start, end, torch.tensor([[0.0, 1.0, 1.0]]), LIKE)
    expected = torch.zeros_like(LIKE)
    expected[..., 5, 5] = 1
    expected[..., 12, 1:11] = expected[..., 11:14, 2:10] = 1
    expected[..., 2:11, 20] = expected[..., 3:10, 19:22] = 1
    assert torch.equal(painted, expected)


@given(
    angles=st.lists(st.floats(0, 2 * math.pi - 1e-3), min_size=3, max_size=8, unique=True),
    radii=st.lists(st.floats(1, 20), min_size=8, max_size=8),
)
def test_a_polygon_is_what_its_corners_go_around(angles: list[float], radii: list[float]) -> None:
    corners = [
        (12.3 + radius * math.cos(angle), 9.6 + radius * math.sin(angle))
        for angle, radius in zip(sorted(angles), radii, strict=False)
    ]
    filled = fill_polygons(torch.tensor([corners]), LIKE)[0, 0]
    sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
    for y in range(20):
        for x in range(25):
            if min(oracle.distance_to_line(x, y, a, b) for a, b in sides) > EDGE:
                assert filled[y, x] == oracle.in_polygon(corners, x, y), (x, y)


def test_where_polygons_cross_themselves_even_is_outside() -> None:
    twice_around = torch.tensor([[[2.5, 2.5], [10.5, 2.5], [10.5, 9.5], [2.5, 9.5]]]).repeat(1, 2, 1)
    assert fill_polygons(twice_around, LIKE).sum() == 0
    assert fill_polygons(twice_around[:, :4], LIKE).sum() == 8 * 7


@given(mask=object_masks())
def test_drawn_ones_are_ones(mask: Tensor) -> None:
    places = some_ones(mask, 7, keys(len(mask)), "test")
    assert places.shape == (len(mask), 7, 2)
    for sample, drawn in zip(mask, places, strict=True):
        assert set(map(tuple, drawn.tolist())) <= set(oracle.ones(sample[0]))


def test_every_one_is_drawn_alike() -> None:
    mask = blob(8, 9, (2, 1, 6, 3))
    mask[0, 0, 7, 8] = 1
    drawn = some_ones(mask, 9000, keys(1), "test")[0]
    places, counts = drawn.unique(dim=0, return_counts=True)
    assert len(places) == 9 and counts.min() > 880 and counts.max() < 1120
