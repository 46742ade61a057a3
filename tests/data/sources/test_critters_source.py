"""The source of drawn scenes."""

import dataclasses

import pytest
import torch

from dreaminpainter.components import describe, make
from dreaminpainter.data.critters.attributes import IDENTITY, Split
from dreaminpainter.data.critters.drawing import draw_reference
from dreaminpainter.data.sources.base import SegmentationSource
from dreaminpainter.data.sources.critters import CrittersSource, Drawing
from dreaminpainter.errors import SettingError


def _assert_equal(a: Drawing, b: Drawing, row: int) -> None:
    """Sample `row` of `a` is bit for bit the only sample of `b`."""
    for field in dataclasses.fields(a):
        whole, single = getattr(a, field.name), getattr(b, field.name)
        if isinstance(whole, torch.Tensor):
            assert torch.equal(whole[row], single[0]), field.name
        elif isinstance(whole, dict):
            assert all(int(whole[name][row]) == int(single[name][0]) for name in whole)
        else:
            assert whole[row] == single[0]


@pytest.mark.parametrize(
    "settings", [{"size": 64}, {"size": 52, "reference_size": 70, "supersample": 3, "view": "cross"}]
)
def test_a_scene_is_bit_identical_in_any_batch(settings: dict[str, object]) -> None:
    source = CrittersSource(count=100, **settings)  # type: ignore[arg-type]
    ids = torch.tensor([99, 3, 3, 41, 7, 8, 9, 10, 11, 12, 0])
    batch = source.draw(ids)
    for row in (0, 2, 7, 8, 10):
        _assert_equal(batch, source.draw(ids[row : row + 1]), row)
    again = source.draw(ids)
    assert torch.equal(batch.image, again.image) and torch.equal(batch.reference_image, again.reference_image)


def test_drawings_have_the_promised_shapes_and_ranges() -> None:
    drawing = CrittersSource(size=64, reference_size=96).draw(torch.arange(10))
    assert drawing.image.shape == (10, 3, 64, 64) and drawing.mask.shape == (10, 1, 64, 64)
    assert drawing.reference_image.shape == (10, 3, 96, 96) and drawing.reference_mask.shape == (10, 1, 96, 96)
    assert drawing.box.shape == drawing.subject_box.shape == (10, 4)
    for image in (drawing.image, drawing.reference_image):
        assert float(image.min()) >= -1 and float(image.max()) <= 1 and float(image.std()) > 0.2
    for mask in (drawing.mask, drawing.reference_mask):
        assert bool(((mask == 0) | (mask == 1)).all()) and 0 < float(mask.mean()) < 1
    assert bool((drawing.subject_box[:, :2] <= drawing.box[:, :2]).all())
    assert bool((drawing.subject_box[:, 2:] >= drawing.box[:, 2:]).all())
    assert len(drawing) == len(drawing.captions) == len(drawing.attributes) == 10


def test_instances_are_the_drawing_in_bytes() -> None:
    source = CrittersSource(size=64, count=50)
    drawing = source.draw(torch.tensor([5, 6]))
    for row, instance in enumerate(source.load([5, 6])):
        assert instance.image.dtype == torch.uint8 and instance.mask.dtype == torch.bool
        assert float((instance.image / 127.5 - 1 - drawing.image[row]).abs().max()) <= 0.5 / 127.5 + 1e-6
        assert torch.equal(instance.mask, drawing.mask[row] > 0.5)
        assert instance.class_name == "critter" and instance.source == "critters"
        assert instance.box == tuple(drawing.box[row].tolist())
        assert instance.id == source.id_of(5 + row)
        assert torch.equal(instance.image, source[5 + row].image)
    assert len(list(source)) == len(source) == 50


def test_same_view_shows_the_look_of_the_scene_and_cross_view_another() -> None:
    ids = torch.arange(24)
    same = CrittersSource(size=32, reference_size=64, view="same").draw(ids)
    cross = CrittersSource(size=32, reference_size=64, view="cross").draw(ids)
    assert torch.equal(same.image, cross.image) and same.captions == cross.captions
    assert torch.equal(same.reference_image, draw_reference(same.attribute_codes, 64)[0])
    differs = (same.reference_mask != cross.reference_mask).flatten(1).any(1)
    assert int(differs.sum()) > 18


def test_a_cross_view_reference_keeps_the_colours_of_the_identity() -> None:
    ids = torch.arange(24)
    cross = CrittersSource(size=64, reference_size=64, view="cross").draw(ids)

    def mean_colour(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return (image * mask).sum((2, 3)) / mask.sum((2, 3))

    scene, reference = (
        mean_colour(cross.image, cross.mask),
        mean_colour(cross.reference_image, cross.reference_mask),
    )
    own = (scene - reference).norm(dim=1).mean()
    others = (scene[:, None] - reference[None]).norm(dim=2).mean()
    assert float(own) < 0.5 * float(others)


def test_splits_share_neither_scenes_nor_identities() -> None:
    ids = torch.arange(200)
    seen = []
    splits: tuple[Split, ...] = ("train", "validation", "test")
    for split in splits:
        source = CrittersSource(size=16, reference_size=16, count=200, split=split, supersample=1)
        seen.append({tuple(a[name] for name in IDENTITY) for a in source.draw(ids).attributes})
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_another_seed_gives_other_scenes() -> None:
    a, b = (CrittersSource(size=32, reference_size=32, seed=seed)[0] for seed in (0, 1))
    assert not torch.equal(a.image, b.image)


def test_the_source_can_be_written_down_and_made_again() -> None:
    source = CrittersSource(size=32, count=7, split="test", view="cross", seed=3)
    again = make(describe(source), SegmentationSource)
    assert describe(again) == describe(source)
    assert torch.equal(again[6].image, source[6].image)


@pytest.mark.parametrize("setting", [{"size": 8}, {"count": 0}, {"supersample": 0}, {"split": "dev"}, {"view": "side"}])
def test_a_setting_that_makes_no_sense_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        CrittersSource(**setting)  # type: ignore[arg-type]


def test_an_index_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError, match="12"):
        CrittersSource(count=12)[12]
