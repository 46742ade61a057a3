"""The pictures of critters."""

import itertools

import pytest
import torch

from dreaminpainter.data.critters.attributes import VALUES, Codes, draw_codes
from dreaminpainter.data.critters.drawing import boxes_of, draw_reference, draw_scene
from dreaminpainter.data.critters.layout import LARGEST, SMALLEST, Layout, draw_layout
from dreaminpainter.data.critters.scenery import draw_scenery
from dreaminpainter.randomness import sample_key

KEYS = torch.tensor([sample_key(1, "a drawing", str(k)) for k in range(24)])


def _changed(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """How many pixels differ visibly."""
    return ((a - b).abs().amax(1) > 16 / 255 * 2).sum((1, 2))


def _codes(count: int, **values: int) -> Codes:
    return {name: torch.full((count,), values.get(name, 0)) for name in VALUES}


def _widest_layout(count: int, unit: float, x: float) -> Layout:
    """The creature as large, and as far at the side and up, as layouts can put it."""
    layout = draw_layout(KEYS[:1])
    side = 1.72 * unit
    values = {"unit": unit, "x": side + x * (1 - 2 * side), "ground": max(3.82 * unit, 0.6)}
    fields = {name: getattr(layout, name).expand(count) for name in layout.__dataclass_fields__}
    return Layout(**(fields | {name: torch.full((count,), value) for name, value in values.items()}))


def test_pixels_away_from_creature_ride_and_shadow_are_those_of_the_empty_scene() -> None:
    codes, layout = draw_codes(KEYS, "train"), draw_layout(KEYS)
    scene = draw_scene(codes, layout, 96, supersample=1)
    empty = draw_scenery(codes, layout, 96) * 2 - 1
    near = torch.nn.functional.max_pool2d(scene.cover, 3, 1, 1)[:, 0] > 0
    line = (torch.arange(96) + 0.5) / 96
    shadow = (line - layout.ground[:, None]).abs() < 0.25 * layout.unit[:, None]
    other = (scene.image - empty).abs().amax(1) > 1e-5
    assert not bool((other & ~near & ~shadow[:, :, None]).any())


def test_the_mask_is_where_creature_and_hat_are_seen() -> None:
    codes, layout = draw_codes(KEYS, "train") | {"ride": torch.zeros(24, dtype=torch.int64)}, draw_layout(KEYS)
    scene = draw_scene(codes, layout, 96, supersample=1)
    assert torch.equal(scene.mask, scene.cover)
    empty = draw_scenery(codes, layout, 96) * 2 - 1
    above = ((torch.arange(96) + 0.5)[None, :] / 96 < (layout.ground - 0.25 * layout.unit)[:, None])[:, :, None]
    differs = ((scene.image - empty).abs().amax(1) > 0.04) & above
    masked = scene.mask[:, 0].bool() & above
    soft_edge = torch.nn.functional.max_pool2d(scene.mask, 3, 1, 1)[:, 0].bool()
    assert float((differs & masked).sum() / masked.sum()) > 0.985
    assert not bool((differs & ~soft_edge).any())


def test_a_ride_is_no_part_of_the_mask() -> None:
    codes, layout = draw_codes(KEYS, "train"), draw_layout(KEYS)
    for ride in range(1, len(VALUES["ride"])):
        scene = draw_scene(codes | {"ride": torch.full((24,), ride)}, layout, 64)
        only_ride = (scene.cover - scene.mask).sum((1, 2, 3))
        assert bool((only_ride > 15).all())
        assert bool((scene.mask <= scene.cover).all())
        lowest = boxes_of(scene.mask > 0.5)[:, 3]
        assert bool((scene.subject_box[:, 3] > lowest).all())


def test_what_a_boat_hides_is_no_part_of_the_mask() -> None:
    layout = draw_layout(KEYS)
    codes = _codes(24, ride=VALUES["ride"].index("boat"))
    scene = draw_scene(codes, layout, 128)
    rows, columns = ((layout.ground - 0.62 * layout.unit) * 128).long(), ((layout.x + 0.45 * layout.unit) * 128).long()
    at_a_leg = (torch.arange(24), 0, rows, columns)
    assert bool((scene.cover[at_a_leg] == 1).all())
    assert bool((scene.mask[at_a_leg] == 0).all())


@pytest.mark.parametrize("unit", [SMALLEST, LARGEST])
@pytest.mark.parametrize("x", [0.0, 1.0])
def test_every_body_hat_pose_and_ride_is_whole_within_the_picture(unit: float, x: float) -> None:
    names = ("body", "pose", "hat", "ride")
    table = torch.cartesian_prod(*(torch.arange(len(VALUES[name])) for name in names))[:: 1 if x == 0 else 5]
    codes = _codes(len(table)) | {name: table[:, k] for k, name in enumerate(names)}
    cover = draw_scene(codes, _widest_layout(len(table), unit, x), 48, supersample=1).cover[:, 0]
    border = cover[:, [0, -1], :].sum((1, 2)) + cover[:, :, [0, -1]].sum((1, 2))
    assert table[border > 0].tolist() == []


def test_the_subject_takes_8_to_35_percent_of_a_scene() -> None:
    keys = torch.tensor([sample_key(2, "areas", str(k)) for k in range(150)])
    area = draw_scene(draw_codes(keys, "train"), draw_layout(keys), 48, supersample=1).mask.mean((1, 2, 3))
    assert float(area.min()) > 0.06 and float(area.max()) < 0.36
    assert float(area.quantile(0.1)) < 0.15 and float(area.quantile(0.9)) > 0.22


def test_marks_change_20_to_150_pixels_of_a_reference() -> None:
    codes = draw_codes(KEYS, "train")
    drawn = [draw_reference(codes | {"marks": torch.full((24,), mark)}, 128)[0] for mark in range(len(VALUES["marks"]))]
    for a, b in itertools.combinations(range(len(drawn)), 2):
        changed = _changed(drawn[a], drawn[b])
        assert int(changed.min()) >= 20 and int(changed.max()) <= 150, (VALUES["marks"][a], VALUES["marks"][b], changed)


@pytest.mark.parametrize("supersample", [1, 2])
def test_all_that_another_mark_changes_lies_in_the_marks_masks(supersample: int) -> None:
    codes, layout = draw_codes(KEYS, "train"), draw_layout(KEYS)
    first = draw_scene(codes, layout, 128, supersample)
    other = draw_scene(codes | {"marks": (codes["marks"] + 1) % len(VALUES["marks"])}, layout, 128, supersample)
    changed = (first.image != other.image).any(dim=1, keepdim=True)
    marks = torch.maximum(first.marks, other.marks).bool()
    assert bool((changed <= marks).all())
    # Not much more than what changes: hat and ride lie over few marks.
    assert float(changed.sum() / marks.sum()) > 0.7


def test_no_hat_hides_a_mark() -> None:
    table = torch.cartesian_prod(torch.arange(len(VALUES["body"])), torch.arange(len(VALUES["hat"])))
    codes = _codes(len(table)) | {"body": table[:, 0], "hat": table[:, 1]}
    drawn = {
        name: draw_reference(codes | {"marks": torch.full((len(table),), k)}, 128)[0]
        for k, name in enumerate(VALUES["marks"])
    }
    for mark, b, c in (("star", "anklets", "crescent"), ("scar", "anklets", "star"), ("crescent", "star", "scar")):
        # The three stand apart, so each pair's difference is the sum of the two marks' pixels.
        seen = (_changed(drawn[mark], drawn[b]) + _changed(drawn[mark], drawn[c]) - _changed(drawn[b], drawn[c])) / 2
        assert float(seen.min()) >= 20, (mark, table[seen.argmin()].tolist())


@pytest.mark.parametrize("name", ["body", "palette", "pattern", "eyes", "marks", "hat", "mouth", "pose"])
def test_each_value_of_an_attribute_looks_different(name: str) -> None:
    codes = draw_codes(KEYS[:6], "train")
    drawn = [draw_reference(codes | {name: torch.full((6,), value)}, 128)[0] for value in range(len(VALUES[name]))]
    for a, b in itertools.combinations(drawn, 2):
        assert int(_changed(a, b).min()) >= 20


@pytest.mark.parametrize("name", ["hat", "mouth", "pose", "ride", "place", "weather", "time"])
def test_what_words_tell_can_be_seen_at_64_pixels(name: str) -> None:
    codes, layout = draw_codes(KEYS[:12], "train"), draw_layout(KEYS[:12])
    drawn = [draw_scene(codes | {name: torch.full((12,), v)}, layout, 64).image for v in range(len(VALUES[name]))]
    for a, b in itertools.combinations(drawn, 2):
        assert int(_changed(a, b).min()) >= 8


def test_a_reference_fills_most_of_the_square_and_stays_within() -> None:
    names = ("body", "pose", "hat")
    table = torch.cartesian_prod(*(torch.arange(len(VALUES[name])) for name in names))
    codes = _codes(len(table)) | {name: table[:, k] for k, name in enumerate(names)}
    image, mask = draw_reference(codes, 64)
    left, top, right, bottom = boxes_of(mask > 0.5).unbind(1)
    side = torch.maximum(right - left, bottom - top)
    assert int(side.min()) >= 56 and int(side.max()) <= 61
    assert bool(((left + right) / 2 - 32).abs().le(1).all()) and bool(((top + bottom) / 2 - 32).abs().le(1).all())
    outside = torch.nn.functional.max_pool2d(mask, 3, 1, 1) == 0
    assert bool((image[outside.expand_as(image)] == 1).all())


def test_a_changed_hat_leaves_the_rest_of_the_scene_alone() -> None:
    codes, layout = draw_codes(KEYS, "train"), draw_layout(KEYS)
    scenes = [draw_scene(codes | {"hat": torch.full((24,), hat)}, layout, 64) for hat in (0, 1)]
    below = torch.arange(64)[None, :] > ((layout.ground - 0.9 * layout.unit) * 64)[:, None]
    difference = (scenes[0].image - scenes[1].image).abs().amax((1, 3))
    assert float(difference[below].max()) == 0


@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_supersampling_changes_edges_only_a_little(supersample: int) -> None:
    codes, layout = draw_codes(KEYS[:8], "train"), draw_layout(KEYS[:8])
    fine = draw_scene(codes, layout, 64, supersample=4)
    scene = draw_scene(codes, layout, 64, supersample)
    assert float((scene.image - fine.image).abs().mean()) < 0.03
    assert float((scene.mask != fine.mask).float().mean()) < 0.01


def test_boxes_enclose_masks() -> None:
    mask = torch.zeros(2, 1, 9, 7, dtype=torch.bool)
    mask[0, 0, 2:5, 1:7] = True
    mask[1, 0, 8, 0] = True
    assert boxes_of(mask).tolist() == [[1, 2, 7, 5], [0, 8, 1, 9]]
