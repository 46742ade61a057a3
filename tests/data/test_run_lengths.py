import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from dreaminpainter.data.run_lengths import (
    BrokenOutlineError,
    area_of,
    decode,
    encode,
    from_counts,
    from_polygons,
)

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(SIZES, st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_masks_come_back_as_they_were_and_as_pycocotools_has_them(
    size: tuple[int, int], seed: int, share: float
) -> None:
    mask = torch.from_numpy(np.random.default_rng(seed).random((1, *size)) < share)
    run_lengths = encode(mask)
    assert from_counts(run_lengths["counts"], size) == from_counts(run_lengths["counts"].decode(), size) == run_lengths
    assert torch.equal(decode(run_lengths), mask) and area_of(run_lengths) == mask.sum()
    flat = mask[0].numpy().flatten(order="F")
    ends = np.flatnonzero(np.diff(np.concatenate(([False], flat)))).tolist()
    counts = np.diff([0, *ends, flat.size]).tolist()
    assert torch.equal(decode(from_counts(counts, size)), mask)


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=12) | st.text("012345PQ@`o", max_size=8), SIZES)
def test_any_text_is_a_mask_or_is_refused(text: str, size: tuple[int, int]) -> None:
    try:
        run_lengths = from_counts(text, size)
    except BrokenOutlineError:
        return
    assert decode(run_lengths).shape == (1, *size)


@settings(max_examples=200)
@given(st.lists(st.lists(st.floats() | st.floats(-5, 50), max_size=9), max_size=3), SIZES)
def test_any_polygons_are_a_mask_or_are_refused(polygons: list[list[float]], size: tuple[int, int]) -> None:
    try:
        run_lengths = from_polygons(polygons, size)
    except BrokenOutlineError:
        return
    assert decode(run_lengths).shape == (1, *size)
    enclosing = [polygon for polygon in polygons if len(polygon) >= 6]
    official = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(enclosing, *size)))
    assert np.array_equal(decode(run_lengths)[0].numpy(), official.astype(bool))


def test_a_polygon_that_winds_without_end_is_refused() -> None:
    with pytest.raises(BrokenOutlineError, match="pixels long"):
        from_polygons([[0, 0, 4000, 4000] * 2000], (4000, 4000))
