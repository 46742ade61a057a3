import csv
import functools
import json
import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from torch.utils.data import DataLoader

from dreaminpainter.components import describe, make
from dreaminpainter.data.sources import CocoSource, LvisSource, ObjectFilter, SegmentationSource, coco
from dreaminpainter.data.sources.base import reasons
from dreaminpainter.data.sources.filter import EVERYTHING
from dreaminpainter.data.store import PreparedSource, prepare
from dreaminpainter.errors import InputError, MissingFileError, SettingError

SPLIT = "tiny"
SQUARE = [[2, 2, 6, 2, 6, 6, 2, 6]]


def annotation(number: int | str, segmentation: Any, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 1, "category_id": 18, "iscrowd": 0, "segmentation": segmentation, **more}


def write(root: Path, annotations: list[dict[str, Any]], **image: Any) -> CocoSource:
    """One picture of 12 x 10 in COCO's layout."""
    (root / "annotations").mkdir(exist_ok=True)
    (root / SPLIT / "sub").mkdir(parents=True, exist_ok=True)
    pixels = np.arange(360, dtype=np.uint8).reshape(10, 12, 3)
    Image.fromarray(pixels).save(root / SPLIT / "sub" / "one.png")
    data = {
        "images": [{"id": 1, "file_name": "sub/one.png", "width": 12, "height": 10, "license": 4, **image}],
        "annotations": annotations,
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
        "licenses": [{"id": 4, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"}],
    }
    (root / "annotations" / f"instances_{SPLIT}.json").write_text(json.dumps(data))
    return CocoSource(str(root), SPLIT)


def uncompressed(rows: slice, columns: slice) -> dict[str, Any]:
    mask = np.zeros((10, 12), np.uint8)
    mask[rows, columns] = 1
    flat = np.concatenate(([0], mask.flatten(order="F"), [2]))
    edges = np.flatnonzero(np.diff(flat.clip(max=1)))
    ends = [*edges.tolist(), 120] if flat[-2] == 0 else edges.tolist()
    return {"size": [10, 12], "counts": np.diff([0, *ends]).tolist()}


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_masks_equal_pycocotools_own_for_every_object_that_is_no_crowd(
    test_data: Path, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = test_data / "coco"
    source = CocoSource(str(root), split, ObjectFilter(**EVERYTHING))
    monkeypatch.setattr(coco, "read_picture", functools.cache(coco.read_picture))  # hundreds of objects share 50
    official = COCO(root / "annotations" / f"instances_{split}.json")
    plain = [one for one in official.anns.values() if not one["iscrowd"]]
    assert [source.id_of(i) for i in range(len(source))] == [str(one["id"]) for one in plain]
    assert reasons(source.left_out) == {"crowd": len(official.anns) - len(plain)}
    assert source.left_out
    for i, one in enumerate(plain):
        mask = torch.from_numpy(official.annToMask(one)).bool()
        assert torch.equal(source[i].mask[0], mask), one["id"]


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_real_instances_are_whole_records(test_data: Path, split: str) -> None:
    root = test_data / "coco"
    source = CocoSource(str(root), split)
    with (root / "IMAGE_LICENSES.csv").open() as file:
        licences = {row["file_name"]: row["license"] for row in csv.DictReader(file)}
    official = COCO(root / "annotations" / f"instances_{split}.json")
    captions = COCO(root / "annotations" / f"captions_{split}.json")
    assert len(source) + len(source.left_out) == len(official.anns)
    assert set(reasons(source.left_out)) == {"crowd", "too small", "too large"}
    for instance in source:
        one = official.anns[int(instance.id)]
        picture = official.imgs[one["image_id"]]
        assert instance.image.shape == (3, picture["height"], picture["width"]) and instance.image.dtype == torch.uint8
        assert instance.mask.shape == (1, picture["height"], picture["width"]) and instance.mask.dtype == torch.bool
        assert 0.02 <= instance.mask.float().mean() <= 0.5
        x, y, width, height = one["bbox"]
        assert instance.box == pytest.approx((x, y, x + width, y + height), abs=4)  # a thin tip fills no pixel
        assert instance.class_name == official.cats[one["category_id"]]["name"]
        assert instance.captions == [caption["caption"].strip() for caption in captions.imgToAnns[one["image_id"]]]
        assert instance.licence is not None and instance.licence.startswith(licences[picture["file_name"]])
        assert instance.source == "coco"
    assert any(instance.captions for instance in source)


def test_a_record_holds_what_the_files_say(tmp_path: Path) -> None:
    source = write(tmp_path, [annotation(7, SQUARE)])
    captions = {
        "annotations": [{"id": 1, "image_id": 1, "caption": " a dog \n"}, {"id": 2, "image_id": 1, "caption": "b"}]
    }
    (tmp_path / "annotations" / f"captions_{SPLIT}.json").write_text(json.dumps(captions))
    instance = source[0]
    assert (len(source), source.id_of(0), instance.id, instance.class_name) == (1, "7", "7", "dog")
    assert instance.box == (2, 2, 6, 6) and instance.mask.sum() == 16 and instance.mask[0, 2:6, 2:6].all()
    assert instance.image.permute(1, 2, 0).flatten().tolist() == [value % 256 for value in range(360)]
    assert instance.captions == ["a dog", "b"]
    assert instance.licence == "Attribution License (http://creativecommons.org/licenses/by/2.0/)"


def test_run_lengths_are_read_plain_and_compressed(tmp_path: Path) -> None:
    plain = uncompressed(slice(2, 6), slice(3, 8))
    source = write(tmp_path, [annotation(1, plain)])
    mask = source[0].mask
    assert mask[0, 2:6, 3:8].all() and mask.sum() == 20
    counts = source._index.objects[0].run_lengths["counts"].decode()
    again = write(tmp_path, [annotation(1, {"size": [10, 12], "counts": counts})])
    assert torch.equal(again[0].mask, mask)


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    annotations = [
        annotation(1, SQUARE),
        annotation(2, uncompressed(slice(0, 5), slice(0, 5)), iscrowd=1),
        annotation(3, []),
        annotation(4, None),
        annotation(6, [[2, 2, 3, 2, 3, 3, 2, 3]]),
        annotation(7, [[0, 0, 12, 0, 12, 10, 0, 10]]),
        annotation(8, SQUARE, category_id=3),
    ]
    source = write(tmp_path, annotations)
    source.keep.categories = ["dog"]
    assert [source.id_of(i) for i in range(len(source))] == ["1"]
    assert reasons(source.left_out) == {"crowd": 1, "no outline": 2, "too small": 1, "too large": 1, "other class": 1}


def test_areas_are_shares_of_the_picture_limits_included(tmp_path: Path) -> None:
    write(tmp_path, [annotation(1, SQUARE)])
    share = 16 / 120

    def kept(**limits: float) -> CocoSource:
        return CocoSource(str(tmp_path), SPLIT, ObjectFilter(**limits))

    assert len(kept(min_area=share, max_area=share)) == 1
    assert reasons(kept(min_area=share + 1e-6).left_out) == {"too small": 1}
    assert reasons(kept(max_area=share - 1e-6).left_out) == {"too large": 1}


def test_the_constructor_reads_nothing_and_is_described(tmp_path: Path) -> None:
    source = CocoSource(str(tmp_path / "nowhere"), "val2017", ObjectFilter(0.1, 0.4, ["dog"], ["by/2.0"]))
    assert describe(make(describe(source), SegmentationSource)) == describe(source)


def test_the_annotations_are_read_once(tmp_path: Path) -> None:
    source = write(tmp_path, [annotation(1, SQUARE)])
    assert len(source) == 1
    (tmp_path / "annotations" / f"instances_{SPLIT}.json").unlink()
    assert source[0].id == "1"
    assert torch.equal(pickle.loads(pickle.dumps(source))[0].mask, source[0].mask)  # noqa: S301


def first(instances: list[Any]) -> Any:
    return instances[0]


def test_spawned_workers_yield_the_same_instances(tmp_path: Path) -> None:
    source = write(tmp_path, [annotation(1, SQUARE), annotation(2, SQUARE)])
    loader = DataLoader(source, batch_size=1, collate_fn=first, num_workers=1, multiprocessing_context="spawn")
    for there, here in zip(loader, source, strict=True):
        assert there.id == here.id and torch.equal(there.image, here.image) and torch.equal(there.mask, here.mask)


def test_missing_annotations_and_pictures_come_with_the_hint_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"instances_val2017\.json.*annotations_trainval2017\.zip.*train2017/"):
        len(CocoSource(str(tmp_path), "val2017"))
    source = write(tmp_path, [annotation(1, SQUARE)], file_name="two.png")
    with pytest.raises(MissingFileError, match=r"two\.png.*train2017\.zip"):
        source[0]


@pytest.mark.parametrize(
    "name",
    ["../one.png", "sub/../../one.png", "/etc/one.png", "C:\\one.png", "..\\one.png", "\\\\host\\share\\one.png"],
)
def test_a_file_name_that_climbs_out_of_the_root_is_refused(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (12, 10)).save(tmp_path / "one.png")
    source = write(tmp_path, [annotation(1, SQUARE)], file_name=name)
    assert len(source) == 0
    assert [one.reason for one in source.left_out] == ["file outside the root"]
    assert "lies outside" in source.left_out[0].damage


def test_a_picture_of_another_size_than_annotated_is_refused_with_both_sizes(tmp_path: Path) -> None:
    source = write(tmp_path, [annotation(1, SQUARE)], width=20, height=11)
    with pytest.raises(InputError, match=r"one\.png is 12 x 10 .* 20 x 11"):
        source[0]


def test_annotations_count_stored_pixels_so_exif_is_not_applied(tmp_path: Path) -> None:
    source = write(tmp_path, [annotation(1, SQUARE)])
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / SPLIT / "sub" / "one.png"
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)
    assert source[0].image.shape == (3, 10, 12)


def test_an_unknown_class_is_named_with_the_likeliest_one(tmp_path: Path) -> None:
    write(tmp_path, [annotation(1, SQUARE)])
    with pytest.raises(SettingError, match=r"no class 'dogs'\. Did you mean 'dog'"):
        len(CocoSource(str(tmp_path), SPLIT, ObjectFilter(categories=["car", "dogs"])))


@pytest.mark.parametrize(
    ("broken", "reason", "told"),
    [
        (annotation(1, SQUARE), "duplicate id", "names 1 several times"),
        (annotation(2, {"size": [12, 10], "counts": [120]}), "mask of another size", r"\[12, 10\].*\[10, 12\]"),
        (annotation(2, SQUARE, image_id=9), "unknown picture", "picture 9"),
        (annotation(2, SQUARE, category_id=9), "unknown class", "class 9"),
        (annotation(2, SQUARE, bbox=[2, math.nan, 4, 4]), "broken box", "nan"),
        (annotation(2, {"size": [10, 12], "counts": "zzzz###@@@"}), "broken outline", "no compressed text"),
        (annotation(2, {"size": [10, 12], "counts": ""}), "broken outline", "no compressed text"),
        (annotation(2, {"size": [10, 12], "counts": [0, 30, 2000]}), "broken outline", "2030 pixels .* 12 x 10"),
        (annotation(2, {"size": [10, 12], "counts": [50, 10]}), "broken outline", "60 pixels .* 12 x 10"),
        (annotation(2, {"size": [10, 12], "counts": [50, -20, 90]}), "broken outline", "one is -20"),
        (annotation(2, {"size": [10, 12], "counts": [50, 70.0]}), "broken outline", "no numbers of pixels"),
        (annotation(2, {"size": [10, 12], "counts": None}), "broken outline", "no numbers of pixels"),
        (annotation(2, [[2, 2, 6, 2, math.nan, 6]]), "broken outline", r"\(nan, 6\)"),
        (annotation(2, [[2, 2, 6, 2, 6, 3e8]]), "broken outline", r"\(6, 3e\+08\) on a picture of 12 x 10"),
        (annotation(2, [[2, 2, 6, 2, 6, 10**400]]), "broken annotation", "OverflowError"),
        (annotation(2, [[2, 2, 6, 2, 6, 6, 2]]), "broken outline", "7 numbers"),
        (annotation(2, [[1, 1, 5, 5]]), "broken outline", "2 points"),
        (annotation(2, [1, 2, 3, 4, 5, 6]), "broken annotation", "not in COCO's format"),
        (annotation(2, [["a", 2, 3, 4, 5, 6]]), "broken annotation", "not in COCO's format"),
        ({"id": 2}, "broken annotation", "KeyError"),
        ("no record", "broken annotation", "no. 1"),
        (annotation("\ud800", SQUARE), "not UTF-8", r"\\ud800, which is not UTF-8"),
    ],
)
def test_a_broken_annotation_is_left_out_and_named_and_the_rest_goes_on(
    tmp_path: Path, broken: Any, reason: str, told: str
) -> None:
    source = write(tmp_path, [annotation(1, SQUARE), broken, annotation(3, SQUARE)])
    assert [instance.id for instance in source] == ["1", "3"]
    (left_out,) = source.left_out
    assert left_out.reason == reason
    assert re.search(rf"instances_tiny\.json.*{told}", left_out.damage)


BROKEN_OUTLINES = [
    [[2, 2, 36, 2, math.nan, 30]],
    [[2, 2, 36, 2, 36, 3e8]],
    {"size": [40, 60], "counts": "zzzz###@@@"},
    {"size": [40, 60], "counts": [0, 300, 20000]},
    {"size": [40, 60], "counts": [100, -200, 2500]},
    {"size": [40, 60], "counts": [100, 200]},
    [[2, 2, 36, 2, 36, 30, 2]],
    [[1, 1, 5, 5]],
]


def test_preparing_leaves_broken_outlines_out_and_names_them_and_the_rest_goes_on(tmp_path: Path) -> None:
    outlines = [[[2, 2, 36, 2, 36, 30]], *BROKEN_OUTLINES, {"size": [40, 60], "counts": [100, 200, 2100]}]
    source = write(tmp_path, [annotation(n, one) for n, one in enumerate(outlines)], width=60, height=40)
    Image.new("RGB", (60, 40)).save(tmp_path / SPLIT / "sub" / "one.png")
    with pytest.raises(InputError, match="8 of 10 objects are broken"):
        prepare(source, tmp_path / "out", num_workers=0)
    manifest = prepare(source, tmp_path / "out", num_workers=0, max_damaged=0.8)
    assert [instance.id for instance in PreparedSource(str(tmp_path / "out"))] == ["0", "9"]
    assert (manifest.left_out, manifest.damaged) == ({"broken outline": 8}, 8)
    for number, example in enumerate(manifest.examples, start=1):
        assert f"instances_tiny.json: annotation {number} has" in example and "Correct or remove it." in example


def test_a_polygon_without_an_area_beside_others_changes_nothing(tmp_path: Path) -> None:
    plain, beside = write(tmp_path, [annotation(1, SQUARE), annotation(2, [*SQUARE, [1, 1, 5, 5]])])
    assert torch.equal(plain.mask, beside.mask)


def test_a_picture_without_a_size_is_damage(tmp_path: Path) -> None:
    for height in (0, -10, 10**9, "10"):
        source = write(tmp_path, [annotation(1, SQUARE)], height=height)
        assert [one.reason for one in source.left_out] == ["broken outline"]
        assert "which is no size" in source.left_out[0].damage


def test_what_is_left_out_on_purpose_is_not_damaged(tmp_path: Path) -> None:
    source = write(tmp_path, [annotation(1, SQUARE, iscrowd=1), annotation(2, [])])
    assert [(one.id, one.damage) for one in source.left_out] == [("1", ""), ("2", "")]


def test_pictures_of_other_licences_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, [annotation(1, SQUARE)])
    assert len(CocoSource(str(tmp_path), SPLIT, ObjectFilter(licences=["/by/2.0"]))) == 1
    others = CocoSource(str(tmp_path), SPLIT, ObjectFilter(licences=["/publicdomain/"]))
    assert reasons(others.left_out) == {"other licence": 1}


def test_lvis_finds_its_pictures_in_both_of_cocos_folders(tmp_path: Path) -> None:
    write(tmp_path, [])
    for split, shade in {"train2017": 10, "val2017": 20}.items():
        (tmp_path / split).mkdir()
        Image.new("RGB", (12, 10), (shade, 0, 0)).save(tmp_path / split / "000000000001.png")
    address = "http://images.cocodataset.org/{}/000000000001.png"
    data = {
        "images": [
            {"id": number, "coco_url": address.format(split), "width": 12, "height": 10, "neg_category_ids": [5]}
            for number, split in {1: "train2017", 2: "val2017"}.items()
        ],
        "annotations": [annotation(1, SQUARE, category_id=5), annotation(2, SQUARE, category_id=5, image_id=2)],
        "categories": [{"id": 5, "name": "aerosol_can", "frequency": "c"}],
    }
    (tmp_path / "annotations" / "lvis_v1_val.json").write_text(json.dumps(data))
    captions = {"annotations": [{"id": 1, "image_id": 2, "caption": "a can"}]}
    (tmp_path / "annotations" / "captions_val2017.json").write_text(json.dumps(captions))
    first_one, second = LvisSource(str(tmp_path), "val")
    assert (first_one.class_name, first_one.source) == ("aerosol can", "lvis")
    assert (int(first_one.image[0, 0, 0]), int(second.image[0, 0, 0])) == (10, 20)
    assert (first_one.captions, second.captions) == ([], ["a can"])
    with pytest.raises(MissingFileError, match=r"lvis_v1_train\.json.*lvisdataset"):
        len(LvisSource(str(tmp_path)))


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}', ""])
def test_a_file_that_is_no_coco_json_is_refused_and_named(tmp_path: Path, text: str) -> None:
    source = write(tmp_path, [])
    (tmp_path / "annotations" / f"instances_{SPLIT}.json").write_text(text)
    with pytest.raises(InputError, match=r"instances_tiny\.json"):
        len(source)
