"""The tables of the data: both sides do the same work, and every row is there."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from benchmarks.coco_detection import box_of, crop, hole, reference, scene
from benchmarks.data import TITLES, data
from benchmarks.data_captioning import TOKENS, describers
from benchmarks.data_opening import opened, opening, write_annotations
from benchmarks.data_order import order
from benchmarks.data_pickers import PICKERS, pick
from benchmarks.data_samples import STAGES, detection, prepared, sample_making
from benchmarks.random_blip import save_random_blip
from dreaminpainter.cutout import cut_out
from dreaminpainter.data.framing import Framing
from dreaminpainter.data.sources import CocoSource
from dreaminpainter.data.store import PreparedSource
from dreaminpainter.levels import from_levels
from dreaminpainter.randomness import sample_key, uniform


def rows_of(lines: list[str]) -> list[list[str]]:
    """The cells of the first table."""
    found = itertools.takewhile(lambda line: line.startswith("|"), itertools.dropwhile(lambda o: o[:1] != "|", lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found][2:]


def test_both_openers_find_the_same_objects(tmp_path: Path) -> None:
    write_annotations(tmp_path, 20_050)
    openings = opened(tmp_path, repeats=1)
    found = {(one.objects, one.id, one.pixels) for side in openings.values() for one in side}
    assert len(openings) == 3
    ((objects, id, pixels),) = found
    assert (objects, id) == (20_050, "10025")
    assert pixels > 100
    source, coco = PreparedSource(str(tmp_path)), COCO(tmp_path / "instances" / "instances.json")
    for number in (0, 19_999, 20_000, 20_049):
        row, thing = source.rows[number], coco.anns[number]
        assert row["mask"]["counts"] == thing["segmentation"]["counts"]
        assert row["image"]["path"] == coco.imgs[thing["image_id"]]["file_name"]
        assert row["class_name"] == coco.cats[thing["category_id"]]["name"]
        assert coco_mask.area(row["mask"]) == pytest.approx(row["area"] * row["width"] * row["height"])
    assert len(list((tmp_path / "objects").glob("*.arrow"))) == 2


def test_the_table_of_openings_has_each_side() -> None:
    rows = rows_of(opening(200, repeats=1))
    assert [row[0] for row in rows] == ["prepared", "prepared, divided", "pycocotools"]
    assert all(float(row[1].split()[0]) > 0 for row in rows)


def test_both_crops_show_the_same_picture(test_data: Path) -> None:
    size = 96
    source = CocoSource(str(test_data / "coco"), "val2017")
    seen = 0
    for instance in itertools.islice(source, 0, None, 20):
        key = torch.tensor([sample_key(0, instance.id)])
        drawn = [float(uniform(key, (), "frame.size")), *uniform(key, (2,), "frame.place")[0].tolist()]
        box, area = tuple(int(one) for one in instance.box), float(instance.mask.sum())
        window = crop(box, area, instance.image.shape[1:], size, drawn)
        if box[2] - box[0] > window[2] - window[0] or box[3] - box[1] > window[3] - window[1]:
            continue  # no crop holds the object, and ours looks for the place that shows most of it
        framed = Framing()(instance, size, size, key)
        theirs = scene(instance.image, window, size)
        assert (from_levels(framed.image) - theirs).abs().max() <= 3 / 127.5
        loose = hole(box, window, size, [0.2, 0.9, 0.5, 0.5])
        assert (loose >= framed.object_mask).all()
        assert loose.sum() == loose.amax(1).sum() * loose.amax(2).sum(), "a box"
        pixels, subject = reference(instance.image, instance.mask, box, size)
        ours, ours_subject = cut_out(instance.image, instance.mask, size)
        assert (pixels.float() / 127.5 - 1 - ours).abs().max() <= 3 / 127.5
        assert (subject.float() - ours_subject).abs().mean() < 0.02
        seen += 1
    assert seen >= 4


def test_both_loaders_have_the_same_objects_and_give_the_same_things(test_data: Path, tmp_path: Path) -> None:
    ours = prepared(test_data / "coco", "val2017", 64, 8, str(tmp_path))
    theirs = detection(test_data / "coco", "val2017", 64)
    source = ours.train["coco"]
    assert {source.id_of(index) for index in range(len(source))} == {str(id) for _, id in theirs.objects}
    sample, batch = theirs[3], next(iter(ours.dataset(ours.train, 0).maker([source[3]], ["coco"], [0]).image[None]))
    assert sample["image"].shape == batch[0].shape == (3, 64, 64)
    for name in ("image", "reference"):
        assert -1 <= sample[name].min() < sample[name].max() <= 1
    for name in ("mask", "reference_mask"):
        assert sample[name].shape == (1, 64, 64)
        assert {1.0} <= set(sample[name].unique().tolist()) <= {0.0, 1.0}
    assert box_of({"bbox": [1.5, 2.0, 3.0, 4.2]}) == (1, 2, 5, 7)


def test_the_table_of_samples_has_both_sides_and_every_stage(test_data: Path) -> None:
    lines = sample_making(test_data / "coco", "val2017", 32, samples=16, repeats=2)
    assert [row[0] for row in rows_of(lines)] == ["ours", "CocoDetection"]
    place = next(number for number, line in enumerate(lines) if "ms a sample" in line)
    stages = rows_of(lines[place:])
    assert [row[0] for row in stages] == list(STAGES.values())
    assert sum(float(row[2].split()[0]) for row in stages) == pytest.approx(100, abs=8)


def test_every_picker_chooses_what_it_says() -> None:
    found = {name: pick(name, 30_000) for name in PICKERS}
    assert found["Merged"].distinct > 0.9
    assert found["RandomSampler"].distinct == 1
    assert found["WeightedRandomSampler"].distinct < 0.8, "drawn with return"
    assert all(one.objects == 30_000 and one.first > 0 and one.each > 0 for one in found.values())


def test_the_table_of_choosing_has_every_size() -> None:
    rows = rows_of(order([8_000, 9_000, 20_000_000], repeats=1))
    assert [row[:2] for row in rows] == [
        ["Merged", "8,000"],
        ["Merged", "9,000"],
        ["Merged", "20,000,000"],
        ["RandomSampler", "8,000"],
        ["RandomSampler", "9,000"],
        ["WeightedRandomSampler", "8,000"],
        ["WeightedRandomSampler", "9,000"],
    ]


def test_captions_have_a_fixed_length_and_are_the_same_on_every_side(tmp_path: Path) -> None:
    save_random_blip(tmp_path, hidden=32, layers=1, image_size=32)
    images = list(torch.randint(0, 256, (5, 3, 40, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)))
    captions = {side: describe(images) for side, describe in describers(str(tmp_path)).items()}
    assert len(captions) == 6
    assert len({tuple(texts) for texts in captions.values()}) == 1
    (texts, *_) = captions.values()
    assert len(set(texts)) > 1
    assert all(len(text.split()) == TOKENS for text in texts), "never ended early"


def test_a_section_is_made_anew_and_the_others_stay(test_data: Path, tmp_path: Path) -> None:
    output = tmp_path / "data.md"
    output.write_text(f"# Data\n\n## {TITLES['samples']}\n\nold samples\n\n## {TITLES['order']}\n\nold order\n")
    data(objects=10_000, repeats=1, only=["order"], output=str(output))
    page = output.read_text()
    assert page.count("\n## ") == 2
    assert page.index(TITLES["samples"]) < page.index("old samples") < page.index(TITLES["order"])
    assert "old order" not in page
    assert "Measured on 20" in page
    assert json.dumps("µs for each")[1:-1] not in page and "µs for each" in page
