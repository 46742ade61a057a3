"""What holds for every generator of holes."""

import pytest
import torch
from drawn_masks import blob, keys, object_masks
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.data import masking
from dreaminpainter.data.masking import (
    BoxMask,
    BrushMask,
    ConvexHullMask,
    DilatedMask,
    ElsewhereMask,
    ExactMask,
    ExpandedBoxMask,
    LooseBoxMask,
    MaskGenerator,
    MixtureMask,
    PreciseMask,
    ScheduledMask,
)
from dreaminpainter.errors import InputError
from dreaminpainter.schedules import Constant

AROUND: list[MaskGenerator] = [
    ExactMask(),
    DilatedMask(),
    DilatedMask(0.0, 0.6),
    DilatedMask(3.0, 3.0),
    PreciseMask(),
    PreciseMask(1, 2, 3, spread=2.0),
    BoxMask(),
    ExpandedBoxMask(0.0, 2.0),
    LooseBoxMask(),
    LooseBoxMask(1.0, 1.0, 4.0),
    ConvexHullMask(),
    BrushMask(),
    BrushMask(1, 1, 0.0, 0.0),
    MixtureMask([ExactMask(), DilatedMask(), BoxMask(), MixtureMask([LooseBoxMask(), BoxMask()], [1, 3])]),
    ScheduledMask(ExactMask(), LooseBoxMask(), Constant(0.5)),
]
BESIDE: list[MaskGenerator] = [
    ElsewhereMask(ExactMask()),
    ElsewhereMask(LooseBoxMask()),
    MixtureMask([ElsewhereMask(BrushMask()), ExactMask()]),
]


def name_of(generator: MaskGenerator) -> str:
    return type(generator).__name__


def test_every_generator_is_tested_here() -> None:
    kinds = {kind for kind in vars(masking).values() if isinstance(kind, type) and issubclass(kind, MaskGenerator)}
    assert {type(generator) for generator in AROUND + BESIDE} == kinds - {MaskGenerator}


@pytest.mark.parametrize("generator", AROUND + BESIDE, ids=name_of)
@given(object_mask=object_masks(), seed=st.integers(-(2**63), 2**63 - 1))
def test_a_hole_is_a_mask_of_its_own_sample_whatever_the_batch(
    generator: MaskGenerator, object_mask: Tensor, seed: int
) -> None:
    key = keys(len(object_mask), seed)
    given_mask = object_mask.clone()
    hole = generator(object_mask, key)
    assert torch.equal(object_mask, given_mask)
    assert hole.shape == object_mask.shape and hole.dtype == object_mask.dtype
    assert ((hole == 0) | (hole == 1)).all()
    assert hole.amax(dim=(1, 2, 3)).all()
    assert generator in BESIDE or (hole >= object_mask).all()
    alone = torch.cat([generator(object_mask[i : i + 1], key[i : i + 1]) for i in range(len(key))])
    assert torch.equal(hole, alone)


@pytest.mark.parametrize("generator", AROUND + BESIDE, ids=name_of)
def test_batches_change_nothing_in_pictures_of_usual_size(generator: MaskGenerator) -> None:
    object_mask = torch.cat([blob(256, 256, (10 * i, 60, 10 * i + 90, 60 + 23 * i)) for i in range(1, 6)])
    object_mask[:, :, 70:100, 40:60] = 0
    hole = generator(object_mask, keys(5))
    alone = torch.cat([generator(object_mask[i : i + 1], keys(5)[i : i + 1]) for i in range(5)])
    assert torch.equal(hole, alone)


@pytest.mark.parametrize("generator", AROUND + BESIDE, ids=name_of)
def test_an_empty_object_is_refused(generator: MaskGenerator) -> None:
    object_mask = torch.cat((blob(8, 8, (1, 1, 3, 3)), torch.zeros(1, 1, 8, 8)))
    with pytest.raises(InputError, match="sample 1 of 2 is empty"):
        generator(object_mask, keys(2))


@pytest.mark.parametrize("generator", AROUND + BESIDE, ids=name_of)
def test_a_generator_is_made_again_from_its_description(generator: MaskGenerator) -> None:
    object_mask = blob(32, 32, (8, 10, 16, 18)).expand(16, -1, -1, -1)
    again = make(describe(generator), MaskGenerator)
    assert torch.equal(again(object_mask, keys(16)), generator(object_mask, keys(16)))


@pytest.mark.parametrize("generator", AROUND + BESIDE, ids=name_of)
def test_an_object_that_fills_the_picture_is_its_own_hole(generator: MaskGenerator) -> None:
    assert generator(torch.ones(3, 1, 20, 30), keys(3)).all()


def test_the_object_given_is_left_alone() -> None:
    object_mask = blob(8, 8, (1, 1, 3, 3))
    ExactMask()(object_mask, keys(1)).zero_()
    assert object_mask.sum() == 4
