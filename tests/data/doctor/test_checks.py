"""Each check on data that is broken in one way, and silent on data that is not."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from given import Given, instance, module, scene, sound, square
from PIL import Image
from torch import Tensor

from dreaminpainter.data.captioning import ClassNameCaptioner
from dreaminpainter.data.doctor import Finding, examine
from dreaminpainter.data.doctor.checks import findings_of
from dreaminpainter.data.references import ReferenceAugmentation
from dreaminpainter.data.shards import ShardStream
from dreaminpainter.data.sources import (
    Caption,
    CocoSource,
    CrittersSource,
    FolderSource,
    Instance,
    LeftOut,
    ObjectFilter,
    SegmentationSource,
)
from dreaminpainter.data.sources.base import content_hash
from dreaminpainter.data.store import PreparedSource
from dreaminpainter.data.store.preparing import prepare


def found(
    train: SegmentationSource | dict[str, SegmentationSource], samples: int = 256, **settings: Any
) -> list[Finding]:
    sources = train if isinstance(train, dict) else {"mine": train}
    return findings_of(examine(module(sources, **settings), samples, num_workers=0))


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_nothing_is_found_of_sound_data() -> None:
    assert found(Given(sound(20)), validation={"mine": Given(sound(4, start=100))}) == []


def test_nothing_is_found_of_critters() -> None:
    drawn = {split: CrittersSource(size=64, reference_size=64, count=16, split=split) for split in ("train", "test")}
    assert found(drawn["train"], validation={"mine": drawn["test"]}) == []


def test_only_what_was_left_out_on_purpose_is_told_of_real_photographs(test_data: Path) -> None:
    root = str(test_data / "coco")
    sources = {split: CocoSource(root, f"{split}2017") for split in ("train", "val")}
    settings = {"samples": 48, "captioner": ClassNameCaptioner()}
    findings = found({"coco": sources["train"]}, validation={"coco": sources["val"]}, **settings)
    assert {(one.level, one.check) for one in findings} == {("note", "left out"), ("note", "captions")}


def test_photographs_without_captions_stop_a_captioner_that_needs_them(test_data: Path) -> None:
    keep = ObjectFilter(categories=["person"])
    source = CocoSource(str(test_data / "coco"), "val2017", keep)
    without = [one.id for one in source if not one.captions]
    findings = found(source)
    error = only([one for one in findings if one.level == "error"])
    assert error.check == "training" and "came without captions" in error.message
    assert error.ids == without and f"{len(without)} of the {len(source)} objects" in error.message


def test_masks_that_are_inverted_throughout_are_an_error() -> None:
    broken = [instance(number, mask=~square(left=8 * number)) for number in range(8)]
    error = only([one for one in found(Given(broken)) if one.check == "polarity"])
    assert error.level == "error" and "8 of 8" in error.message and "Invert" in error.message


def test_one_inverted_mask_among_sound_ones_is_a_warning_that_names_it() -> None:
    inverted = instance(9, mask=~square(left=32, top=20, side=60), box=(0, 0, 128, 96))
    warning = only(found(Given([*sound(8), inverted])))
    assert (warning.level, warning.check, warning.ids) == ("warning", "polarity", ["9"])


def test_real_masks_are_found_out_once_they_are_inverted(test_data: Path) -> None:
    class Inverted(CocoSource):
        def __getitem__(self, index: int) -> Instance:
            one = super().__getitem__(index)
            one.mask = ~one.mask
            return one

    root = str(test_data / "coco")
    findings = found(Inverted(root, "val2017", ObjectFilter(categories=["person"])), captioner=ClassNameCaptioner())
    assert only([one for one in findings if one.check == "polarity"]).level == "error"


def test_masks_left_out_as_too_large_may_be_inverted() -> None:
    many = [LeftOut(str(number), "too large") for number in range(50, 70)]
    warning = only([one for one in found(Given(sound(4), many)) if one.check == "polarity"])
    assert warning.level == "warning" and "20 of 24" in warning.message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mask": square(48, 64, 10, 10, 20)}, "128 x 96 pixels (width x height) and its mask 64 x 48"),
        ({"mask": torch.zeros(1, 96, 128, dtype=torch.bool)}, "marks nothing"),
        ({"mask": square().float()}, "torch.float32"),
        ({"image": scene().float()}, "not (3, H, W) of torch.uint8"),
        ({"image": scene()[:1]}, "not (3, H, W) of torch.uint8"),
        ({"reference_image": scene(5), "reference_mask": square(48, 64, 10, 10, 20)}, "its reference picture"),
        ({"reference_image": scene(5)}, "has no mask"),
    ],
)
def test_parts_that_do_not_belong_together_are_an_error(changes: dict[str, Any], told: str) -> None:
    error = only(found(Given([*sound(3), instance(7, **changes)])))
    assert (error.level, error.check, error.ids) == ("error", "alignment", ["7"])
    assert told in error.message and "1 of the 4 objects" in error.message


@pytest.mark.parametrize("box", [(0, 0, 20, 20), (math.nan, 24, 88, 72), (88, 72, 40, 24)])
def test_a_box_that_is_elsewhere_is_a_warning(box: tuple[float, float, float, float]) -> None:
    warning = only(found(Given([*sound(3), instance(7, box=box)])))
    assert (warning.level, warning.check, warning.ids) == ("warning", "alignment", ["7"])


def test_a_box_that_is_a_little_off_is_fine() -> None:
    assert found(Given([instance(7, box=(37, 22, 91, 70))])) == []


@pytest.mark.parametrize("shift", [(8, 0), (-6, 4)])
def test_masks_that_are_all_moved_are_noted_with_the_way_back(test_data: Path, shift: tuple[int, int]) -> None:
    class Moved(CocoSource):
        def __getitem__(self, index: int) -> Instance:
            one = super().__getitem__(index)
            one.mask = torch.roll(one.mask, (shift[1], shift[0]), (1, 2))
            return one

    settings = {"captioner": ClassNameCaptioner()}
    source = Moved(str(test_data / "coco"), "train2017")
    note = only([one for one in found(source, samples=32, **settings) if "outlines moved" in one.message])
    across, down = (("right", "left"), ("down", "up"))
    assert note.level == "note"
    assert f"{abs(shift[0])} px {across[shift[0] > 0]} and {abs(shift[1])} px {down[shift[1] > 0]}" in note.message


def test_tiny_and_huge_objects_are_named() -> None:
    huge = torch.ones(1, 96, 128, dtype=torch.bool)
    tiny = square(left=60, top=60, side=6)
    source = Given(
        [*sound(6), instance(7, mask=tiny, box=(60, 60, 66, 66)), instance(8, mask=huge, box=(0, 0, 128, 96))]
    )
    warnings = {one.ids[0]: one for one in found(source)}
    assert {(one.level, one.check) for one in warnings.values()} == {("warning", "areas")}
    assert "min_area" in warnings["7"].message and "max_area" in warnings["8"].message


@pytest.mark.parametrize("changes", [{"captions": ["dog", " "]}, {"written": [Caption("", of="picture", by="blip")]}])
def test_an_empty_caption_is_a_warning(changes: dict[str, Any]) -> None:
    warning = only(found(Given([*sound(3), instance(7, **changes)]), captioner=ClassNameCaptioner()))
    assert (warning.level, warning.check, warning.ids) == ("warning", "captions", ["7"])


def test_one_caption_for_many_pictures_is_a_warning() -> None:
    same = [instance(number, captions=["An image."]) for number in range(10, 13)]
    warning = only(found(Given([*sound(6), *same])))
    assert (warning.level, warning.ids) == ("warning", ["10", "11", "12"]) and "'an image.'" in warning.message


def test_one_caption_for_many_objects_of_one_picture_is_fine() -> None:
    assert found(Given([instance(number, image=scene(1), captions=["dogs run"]) for number in range(6)])) == []


def test_a_caption_twice_on_a_picture_is_a_note() -> None:
    note = only(found(Given([*sound(3), instance(7, captions=["A dog", "a cat", "a dog "])])))
    assert (note.level, note.ids) == ("note", ["7"])


def test_missing_captions_are_a_note_where_none_are_needed_and_an_error_where_they_are() -> None:
    source = Given([*sound(3), instance(7, captions=[])])
    assert [one.level for one in found(source, captioner=ClassNameCaptioner())] == ["note"]
    assert [(one.level, one.ids) for one in found(source)] == [("error", ["7"]), ("note", ["7"])]


def test_an_empty_class_name_is_an_error() -> None:
    error = only(found(Given([*sound(3), instance(7, class_name=" ")])))
    assert (error.level, error.check, error.ids) == ("error", "classes", ["7"])


def test_a_class_that_has_most_objects_is_a_note() -> None:
    cats = [instance(number, class_name="cat") for number in range(20, 25)]
    note = only(found(Given([*sound(20), *cats])))
    assert note.level == "note" and "20 of 25" in note.message and "'dog'" in note.message
    assert found(Given([*sound(5), *cats])) == []


def test_ids_that_are_used_twice_are_an_error() -> None:
    error = only(found(Given([*sound(3), instance(7, id="2")])))
    assert (error.level, error.check, error.ids) == ("error", "duplicates", ["2"])


def test_a_photograph_on_both_sides_is_an_error_and_on_validation_and_test_a_warning() -> None:
    shared, other = instance(7), instance(8)
    findings = found(
        Given([*sound(3), shared]),
        validation={"held out": Given([instance(50, image=shared.image), other])},
        test={"last": Given([instance(60, image=other.image)])},
    )
    assert [(one.level, one.ids) for one in findings] == [("error", ["7"]), ("warning", ["8"])]
    assert "validation/held out" in findings[0].message and "Split by picture" in findings[0].message


def test_a_photograph_in_two_sources_of_a_split_is_a_warning() -> None:
    warning = only(found({"one": Given(sound(4)), "other": Given([*sound(3, start=20), instance(30, image=scene(2))])}))
    assert (warning.level, warning.check, warning.ids) == ("warning", "duplicates", ["2"])


def test_sources_that_know_their_contents_are_compared_whole() -> None:
    class Known(Given):
        def id_of(self, index: int) -> str:
            return self.instances[index].id

        def contents(self) -> list[str]:
            return [content_hash(one.image) for one in self.instances]

    data = module({"mine": Known(sound(40))}, validation={"mine": Known([instance(37)])})
    error = only(findings_of(examine(data, samples=2, num_workers=0)))
    assert (error.level, error.ids) == ("error", ["37"])


def test_a_source_of_which_nothing_is_held_out_is_a_warning_not_an_error() -> None:
    data = module({"few": Given(sound(1)), "many": Given(sound(40, start=100))}, validation=None)
    assert len(data.validation["few"]) == 0 < len(data.validation["many"])
    (finding,) = [one for one in findings_of(examine(data, samples=2, num_workers=0)) if one.check == "files"]
    assert finding.level == "warning" and "Raise data.validation_share" in finding.message


def test_one_file_in_two_splits_is_found_whichever_objects_are_opened(test_data: Path) -> None:
    root, keep = str(test_data / "coco"), ObjectFilter(min_area=0.1)
    data = module({"coco": CocoSource(root, "val2017")}, validation={"coco": CocoSource(root, "val2017", keep)})
    errors = [one for one in findings_of(examine(data, samples=1, num_workers=0)) if one.check == "duplicates"]
    assert only(errors).level == "error" and len(errors[0].ids) > 10


def coco_folder(root: Path, count: int, broken: dict[int, Any]) -> CocoSource:
    """Pictures of noise in COCO's layout, an object each; `broken` outlines by number."""
    (root / "annotations").mkdir()
    (root / "mine").mkdir()
    numbers = range(1, count + 1)
    for number in numbers:
        Image.fromarray(scene(number).permute(1, 2, 0).numpy()).save(root / "mine" / f"{number}.jpg")
    outline = [[40, 24, 88, 24, 88, 72, 40, 72]]
    data = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 128, "height": 96} for n in numbers],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "segmentation": outline, "bbox": [40, 24, 48, 48]}
            | broken.get(n, {})
            for n in numbers
        ],
    }
    captions = [{"id": n, "image_id": n, "caption": f"dog number {n}"} for n in numbers]
    (root / "annotations" / "instances_mine.json").write_text(json.dumps(data))
    (root / "annotations" / "captions_mine.json").write_text(json.dumps({"annotations": captions}))
    return CocoSource(str(root), "mine")


def test_files_that_cannot_be_opened_are_an_error_by_name(tmp_path: Path) -> None:
    source = coco_folder(tmp_path, 6, {})
    whole = (tmp_path / "mine" / "2.jpg").read_bytes()
    (tmp_path / "mine" / "2.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "mine" / "4.jpg").unlink()
    error = only(found(source))
    assert (error.level, error.check, error.ids) == ("error", "files", ["2", "4"])
    assert "2.jpg" in error.message and "4.jpg" in error.message and "2 of the 6" in error.message


@pytest.mark.parametrize(("count", "level"), [(10, "error"), (40, "warning")])
def test_damage_that_the_source_left_out_is_told_with_its_share(tmp_path: Path, count: int, level: str) -> None:
    source = coco_folder(tmp_path, count, {3: {"bbox": [math.nan, 0, 1, 1]}})
    damage = only(found(source))
    assert (damage.level, damage.check, damage.ids) == (level, "left out", ["3"])
    assert f"1 of {count} objects" in damage.message and "annotation 3" in damage.message


def test_a_source_that_is_not_there_is_an_error_and_the_others_are_examined() -> None:
    findings = found({"gone": CocoSource("no/such/folder"), "mine": Given([*sound(3), instance(7, class_name="")])})
    assert [one.check for one in findings] == ["files", "classes"]
    assert "no/such/folder" in findings[0].message and "Fetch" in findings[0].message


def test_a_source_without_objects_is_an_error_that_says_what_was_left_out() -> None:
    error = only(found(Given([], [LeftOut("1", "too small")]))[:1])
    assert error.level == "error" and "{'too small': 1}" in error.message


class NotANumber(ReferenceAugmentation):
    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return pixels / 0 * 0, mask


def test_samples_that_are_not_finite_are_an_error() -> None:
    error = only(found(Given(sound(3)), augmentation=NotANumber()))
    assert (error.level, error.check) == ("error", "training") and "its reference holds numbers" in error.message


def test_an_epoch_that_cannot_be_is_an_error() -> None:
    source = Given(sound(3))
    assert "batch_size is 8" in only(found(source, batch_size=8)).message
    assert "weights names theirs" in only(found(source, weights={"theirs": 1.0})).message


def test_sources_that_come_often_or_never_are_noted() -> None:
    sources: dict[str, SegmentationSource] = {
        "many": Given(sound(40)),
        "few": Given(sound(2, start=50)),
        "none": Given(sound(2, start=60)),
    }
    findings = found(sources, weights={"many": 1.0, "few": 1.0, "none": 0.0})
    assert [(one.level, one.part) for one in findings] == [("note", "train/few"), ("note", "train/none")]
    assert "2 objects comes 10 times" in findings[0].message


@pytest.mark.parametrize("settings", [{}, {"validation_share": 0.3, "validation": None}])
def test_a_picture_that_changed_since_it_was_prepared_is_an_error_even_at_its_size(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    prepare(coco_folder(tmp_path, 8, {}), tmp_path / "prepared", num_workers=0)
    source = PreparedSource(str(tmp_path / "prepared"))
    assert not [one for one in found(source, **settings) if one.level == "error"]
    file = source.picture_of(3)
    assert file is not None
    with Image.open(file.path) as image:
        turned = image.transpose(Image.Transpose.ROTATE_180)
    turned.save(file.path)
    error = only([one for one in found(source, **settings) if one.level == "error"])
    assert (error.check, error.ids) == ("contents", [source.id_of(3)])
    assert f"{file.path} changed since it was prepared. Put the original picture back" in error.message


@pytest.mark.parametrize("embed", [False, True])
def test_a_photograph_that_its_camera_turned_has_not_changed(tmp_path: Path, embed: bool) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scene(1).permute(1, 2, 0).numpy()).save(root / "1.png", exif=exif)
    Image.fromarray(square(128, 96, 24, 40)[0].numpy()).save(root / "1_mask.png")
    prepare(FolderSource(str(root)), tmp_path / "prepared", embed=embed, num_workers=0)
    source = PreparedSource(str(tmp_path / "prepared"))
    assert source[0].image.shape == (3, 128, 96)
    assert not [one for one in found(source, captioner=ClassNameCaptioner()) if one.check == "contents"]


def test_streams_are_examined_in_the_folder_that_they_come_from_and_else_told(tmp_path: Path) -> None:
    prepare(coco_folder(tmp_path, 4, {}), tmp_path / "prepared", num_workers=0)
    streams = {"here": ShardStream(str(tmp_path / "prepared")), "there": ShardStream("hub://no/body")}
    examination = examine(module({}, streams=streams, validation={"mine": Given(sound(3, start=50))}), num_workers=0)
    assert [(part.label, len(part.facts)) for part in examination.parts] == [("train/here", 4), ("validation/mine", 3)]
    warning = only(findings_of(examination))
    assert warning.level == "warning" and "there cannot be examined" in warning.message
