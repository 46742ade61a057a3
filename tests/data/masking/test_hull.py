import math

import torch
from drawn_masks import ellipse, keys
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import masks as oracle
from torch import Tensor

from dreaminpainter.data.masking import ConvexHullMask


@st.composite
def scattered(draw: st.DrawFn) -> Tensor:
    """Up to six pixels anywhere: hulls of long, slanted edges."""
    height, width = draw(st.integers(1, 36)), draw(st.integers(1, 36))
    mask = torch.zeros(1, 1, height, width)
    for _ in range(draw(st.integers(1, 6))):
        mask[0, 0, draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = 1
    return mask


@given(object_mask=scattered())
@settings(max_examples=30, deadline=None)
def test_the_hull_of_a_small_object_is_exact(object_mask: Tensor) -> None:
    points = oracle.ones(object_mask[0, 0])
    expected = oracle.drawn(object_mask[0, 0], lambda x, y: oracle.in_hull(points, x, y))
    assert torch.equal(ConvexHullMask()(object_mask, keys(1))[0, 0], expected)


@given(corners=st.lists(st.tuples(st.integers(0, 299), st.integers(0, 299)), min_size=3, max_size=3))
@settings(max_examples=10, deadline=None)
def test_a_large_hull_exceeds_the_true_one_by_no_more_than_is_said(corners: list[tuple[int, int]]) -> None:
    object_mask = torch.zeros(1, 1, 300, 300)
    for x, y in corners:
        object_mask[0, 0, y, x] = 1
    sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
    longest = max(math.dist(a, b) for a, b in sides)
    for x, y in oracle.ones(ConvexHullMask()(object_mask, keys(1))[0, 0]):
        if not oracle.in_hull(corners, x, y):
            assert min(oracle.distance_to_line(x, y, a, b) for a, b in sides) < 0.0008 * longest + 0.001


def test_what_has_no_dents_stays_as_it_is() -> None:
    disk = ellipse(512, 250, 260, 200, 200)
    assert torch.equal(ConvexHullMask()(disk, keys(1)), disk)
