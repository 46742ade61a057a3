import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreaminpainter.features import touched_cells


@settings(max_examples=30, deadline=None)
@given(factor=st.integers(1, 4), rows=st.integers(1, 4), columns=st.integers(1, 4), seed=st.integers(0, 999))
def test_a_cell_is_on_the_subject_where_any_of_its_pixels_is(factor, rows, columns, seed):
    mask = (
        torch.rand(2, 1, rows * factor, columns * factor, generator=torch.Generator().manual_seed(seed)) > 0.8
    ).float()
    touched = touched_cells(mask, (rows, columns))
    assert touched.shape == (2, rows * columns) and touched.dtype == torch.bool
    for sample in range(2):
        for row in range(rows):
            for column in range(columns):
                pixels = mask[sample, 0, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
                assert touched[sample, row * columns + column] == any(pixels.flatten().tolist())
