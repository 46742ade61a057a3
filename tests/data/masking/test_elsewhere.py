import torch
from drawn_masks import blob, keys, object_masks
from hypothesis import given
from hypothesis import strategies as st
from oracles import masks as oracle
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.draws import key_of_its_own
from dreaminpainter.data.masking import ElsewhereMask, ExactMask, LooseBoxMask
from dreaminpainter.data.masking.morphology import move, ones_in_boxes


@given(object_mask=object_masks(), seed=st.integers(0, 2**40))
def test_the_hole_goes_whole_to_where_its_box_hides_least_of_the_object(object_mask: Tensor, seed: int) -> None:
    key = keys(len(object_mask), seed)
    before = LooseBoxMask()(object_mask, key_of_its_own(key, "mask.moved"))
    hole = ElsewhereMask(LooseBoxMask())(object_mask, key)
    for (sample,), (old,), (new,) in zip(object_mask, before, hole, strict=True):
        assert torch.equal(_cut(old), _cut(new))
        left, top, right, bottom = boxes_of(new[None, None])[0].tolist()
        hidden = [
            oracle.ones_in_box(sample, x, y, right - left, bottom - top)
            for y in range(sample.shape[0])
            for x in range(sample.shape[1])
        ]
        assert (sample * new).sum() <= oracle.ones_in_box(sample, left, top, right - left, bottom - top) == min(hidden)


def test_the_object_is_not_touched_where_there_is_room_and_every_place_is_drawn_alike() -> None:
    object_mask = blob(12, 9, (3, 3, 6, 5)).expand(4000, -1, -1, -1)
    hole = ElsewhereMask(ExactMask())(object_mask, keys(4000))
    assert (hole * object_mask).sum() == 0 and (hole.sum(dim=(1, 2, 3)) == 6).all()
    places, counts = boxes_of(hole).unique(dim=0, return_counts=True)
    # 11 x 7 places in the picture, 3 x 5 of which touch the object
    assert len(places) == 77 - 15
    assert counts.min() > 0.5 * 4000 / 62 and counts.max() < 1.6 * 4000 / 62


@given(mask=object_masks(), x=st.integers(-30, 30), y=st.integers(-30, 30), width=st.integers(1, 25))
def test_moving_and_counting_are_what_they_are_pixel_by_pixel(mask: Tensor, x: int, y: int, width: int) -> None:
    offsets = torch.tensor([[x, y], [y, x], [0, y], [1, -1]])[: len(mask)]
    sizes = torch.tensor([[width, 3], [1, width], [2, 2], [width, width]])[: len(mask)]
    moved, counted = move(mask, offsets), ones_in_boxes(mask, sizes)
    for i, (sample,) in enumerate(mask):
        assert torch.equal(moved[i, 0], oracle.moved(sample, *offsets[i].tolist()))
        for top in range(sample.shape[0]):
            for left in range(sample.shape[1]):
                assert counted[i, 0, top, left] == oracle.ones_in_box(sample, left, top, *sizes[i].tolist())


def _cut(mask: Tensor) -> Tensor:
    left, top, right, bottom = boxes_of(mask[None, None])[0].tolist()
    return mask[top:bottom, left:right]
