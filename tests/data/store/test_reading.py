from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from dreaminpainter.components import describe, make
from dreaminpainter.data.sources import CocoSource, CrittersSource, ObjectFilter, SegmentationSource
from dreaminpainter.data.sources.base import PictureFile
from dreaminpainter.data.store import PreparedSource, prepare
from dreaminpainter.data.store.schema import columns_page, encoded, instance_of, row_of
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.pictures import EncodedPicture


@pytest.fixture(scope="module")
def coco(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("coco")
    prepare(CocoSource(str(test_data / "coco"), "val2017"), folder, num_workers=0)
    return str(folder)


@pytest.fixture
def critters(tmp_path: Path) -> Path:
    prepare(CrittersSource(size=32, reference_size=24, count=4), tmp_path / "out", num_workers=0)
    return tmp_path / "out"


def test_the_constructor_reads_nothing_and_is_described(tmp_path: Path) -> None:
    source = PreparedSource(str(tmp_path / "nowhere"), ObjectFilter(0.1, 0.4, ["dog"]), "/pictures")
    assert describe(make(describe(source), SegmentationSource)) == describe(source)
    with pytest.raises(MissingFileError, match=r"nowhere.*dreaminpainter prepare"):
        len(source)


def test_filters_are_those_of_the_slow_restatement(coco: str) -> None:
    everything = list(PreparedSource(coco))
    classes = sorted({instance.class_name for instance in everything})[:3]
    licence = next(instance.licence for instance in everything if instance.licence)
    for keep in (
        ObjectFilter(0.05, 0.2),
        ObjectFilter(0, 1, classes),
        ObjectFilter(0, 1, None, [licence.upper()]),
        ObjectFilter(0.03, 0.4, classes, [licence]),
    ):
        wanted = [
            instance.id
            for instance in everything
            if keep.reason(float(instance.mask.double().mean()), instance.class_name, instance.licence) is None
        ]
        source = PreparedSource(coco, keep)
        assert 0 < len(wanted) < len(everything)
        assert [instance.id for instance in source] == wanted
        assert [source.id_of(index) for index in range(len(source))] == wanted
        assert list(source.contents()) == [source.content_of(index) for index in range(len(source))]
        while_preparing = PreparedSource(coco).left_out
        assert source.left_out[: len(while_preparing)] == while_preparing
        assert {one.id: one.reason for one in source.left_out[len(while_preparing) :]} == {
            one.id: keep.reason(float(one.mask.double().mean()), one.class_name, one.licence)
            for one in everything
            if one.id not in wanted
        }


def test_an_unknown_class_is_named_with_the_likeliest_one(coco: str) -> None:
    with pytest.raises(SettingError, match="Did you mean 'person'"):
        len(PreparedSource(coco, ObjectFilter(categories=["persn"])))


def test_pictures_that_were_moved_are_found_where_they_are_now(coco: str, test_data: Path, tmp_path: Path) -> None:
    source = PreparedSource(coco)
    moved = tmp_path / "moved"
    moved.mkdir()
    name = source.rows[0]["image"]["path"]
    (moved / name).write_bytes((test_data / "coco" / "val2017" / name).read_bytes())
    assert torch.equal(PreparedSource(coco, pictures=str(moved))[0].image, source[0].image)
    assert source.picture_of(0) == PictureFile(test_data / "coco" / "val2017" / name, upright=False)
    with pytest.raises(MissingFileError, match="name its new folder as `pictures`"):
        PreparedSource(coco, pictures=str(tmp_path))[0]


def test_a_picture_that_changed_or_broke_is_an_error_and_no_other_takes_its_place(coco: str, tmp_path: Path) -> None:
    name = PreparedSource(coco).rows[0]["image"]["path"]
    Image.new("RGB", (5, 4)).save(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} is 5 x 4 .* prepare the data again"):
        PreparedSource(coco, pictures=str(tmp_path))[0]
    (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match=name):
        PreparedSource(coco, pictures=str(tmp_path))[0]


def test_embedded_pictures_keep_their_files_bytes(test_data: Path, tmp_path: Path) -> None:
    original = CocoSource(str(test_data / "coco"), "val2017", ObjectFilter(categories=["dog"]))
    prepare(original, tmp_path, embed=True, num_workers=0)
    source = PreparedSource(str(tmp_path))
    file = original.picture_of(0)
    assert file is not None and source.picture_of(0) is None
    assert source.rows[0]["image"]["bytes"] == file.path.read_bytes()
    assert torch.equal(source[0].image, original[0].image)
    assert source.manifest.embedded


def test_rows_of_an_older_schema_are_refused(critters: Path) -> None:
    rows = datasets.load_from_disk(str(critters / "objects")).remove_columns(["content_hash"])
    data = rows.data.table.combine_chunks()
    (critters / "objects").rename(critters / "older")
    datasets.Dataset(data).save_to_disk(str(critters / "objects"))
    with pytest.raises(InputError, match=r"lacks the columns content_hash.*Prepare the data again"):
        len(PreparedSource(str(critters)))


def test_rows_that_were_prepared_before_details_were_marked_have_none(critters: Path) -> None:
    kept = [instance.detail_mask for instance in PreparedSource(str(critters))]
    assert all(detail is not None and detail.any() for detail in kept)
    rows = datasets.load_from_disk(str(critters / "objects")).remove_columns(["detail_mask"])
    (critters / "objects").rename(critters / "older")
    datasets.Dataset(rows.data.table.combine_chunks()).save_to_disk(str(critters / "objects"))
    older = list(PreparedSource(str(critters)))
    assert [instance.detail_mask for instance in older] == [None] * len(kept)


def test_anyone_can_open_the_rows_with_datasets(critters: Path) -> None:
    rows = datasets.load_from_disk(str(critters / "objects"))
    assert rows.num_rows == 4 and rows[0]["class_name"] == "critter"


def test_spawned_workers_yield_the_same_instances(critters: Path) -> None:
    source = PreparedSource(str(critters))
    len(source)
    loader = DataLoader(source, batch_size=None, collate_fn=_as_is, num_workers=1, multiprocessing_context="spawn")
    for there, here in zip(loader, source, strict=True):
        assert there.id == here.id and np.array_equal(there.image, here.image)


def _as_is(value: object) -> object:
    return value


def test_an_index_beyond_the_end_is_refused(critters: Path) -> None:
    with pytest.raises(IndexError, match="Object 4 of 4"):
        PreparedSource(str(critters))[4]


def test_the_page_of_columns_is_that_of_the_code() -> None:
    committed = Path(__file__).parents[3] / "docs" / "prepared.md"
    remedy = "write it anew: print(dreaminpainter.data.store.schema.columns_page(), end='')"
    assert committed.read_text(encoding="utf-8") == columns_page(), remedy


def test_a_mask_that_is_none_of_its_picture_is_refused_and_the_object_named() -> None:
    drawn = CrittersSource(size=32, reference_size=24, count=1, view="cross")[0]
    picture = {"bytes": encoded(drawn.image), "path": None}
    row, other = (
        row_of(replace(drawn, mask=mask), picture, upright=False, content="f00", reference_content=None)
        for mask in (drawn.mask, torch.ones(1, 8, 8, dtype=torch.bool))
    )
    smaller = other["mask"]
    for column in ("mask", "reference_mask", "detail_mask"):
        for broken, told in [
            (smaller, r"is for \[8, 8\] .* its picture \[(32|24), (32|24)\]"),
            ({"size": [2**30, 2**30], "counts": "0"}, "is for "),
            (row[column] | {"counts": "zzzz###@@@"}, "no compressed text"),
            (row[column] | {"counts": row[column]["counts"] + "5"}, "pixels for a picture of"),
            (row[column] | {"counts": None}, "no numbers"),
            *([] if column == "detail_mask" else [(None, "is for None")]),
        ]:
            with pytest.raises(InputError, match=rf"The {column} of the object '{drawn.id}' .*{told}"):
                instance_of(row | {column: broken}, EncodedPicture(row["image"]["bytes"], "it"))
