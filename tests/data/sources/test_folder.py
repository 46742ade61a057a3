import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dreaminpainter.components import describe, make
from dreaminpainter.data.sources.base import Instance, SegmentationSource, content_hash, reasons
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.folder import FolderSource
from dreaminpainter.errors import InputError, MissingFileError, SettingError


def paint(path: Path, size: tuple[int, int] = (12, 10), shade: int = 9, exif: Image.Exif | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path, exif=exif or Image.Exif())


def mark(path: Path, box: tuple[int, int, int, int] = (3, 2, 6, 6), size: tuple[int, int] = (12, 10)) -> None:
    """A mask that is white from left and top to right and bottom."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.new("L", size)
    mask.paste(255, box)
    mask.save(path)


def pair(root: Path, name: str, **more: Any) -> None:
    paint(root / f"{name}.png")
    mark(root / f"{name}_mask.png", **more)


def table(root: Path, *rows: str, header: str = "image,mask", name: str = "metadata.csv") -> FolderSource:
    (root / name).write_text("".join(f"{line}\n" for line in (header, *rows)))
    return FolderSource(str(root))


def lines(root: Path, *rows: Any) -> FolderSource:
    (root / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return FolderSource(str(root))


def ids(source: SegmentationSource) -> list[str]:
    return [source.id_of(index) for index in range(len(source))]


def test_masks_of_real_photographs_are_the_files_pixel_by_pixel(test_data: Path, tmp_path: Path) -> None:
    folder = test_data / "voc" / "VOCdevkit" / "VOC2012"
    masks = {}
    for path in sorted((folder / "SegmentationObject").iterdir())[:10]:
        picture = folder / "JPEGImages" / f"{path.stem}.jpg"
        (tmp_path / picture.name).write_bytes(picture.read_bytes())
        masks[path.stem] = np.asarray(Image.open(path)) == 1
        Image.fromarray(masks[path.stem]).save(tmp_path / f"{path.stem}_mask.png")
    instances = list(FolderSource(str(tmp_path), class_name="thing"))
    assert [instance.id for instance in instances] == list(masks)
    for instance in instances:
        assert np.array_equal(instance.mask[0].numpy(), masks[instance.id])
        with Image.open(tmp_path / f"{instance.id}.jpg") as image:
            assert np.array_equal(instance.image.permute(1, 2, 0).numpy(), np.asarray(image.convert("RGB")))


def test_files_belong_together_by_their_names(tmp_path: Path) -> None:
    pair(tmp_path, "rex")
    pair(tmp_path, "holiday/max", box=(0, 0, 12, 10))  # no limit of the area by default
    (tmp_path / "rex.txt").write_text("\ufeffa dog\n\n  on grass \n", encoding="utf-8")
    (tmp_path / ".thumb.png").write_bytes(b"hidden")
    (tmp_path / "notes.md").write_text("not a picture")
    source = FolderSource(str(tmp_path), class_name="dog")
    first, second = source
    assert (first.id, first.class_name, first.source) == ("holiday/max", "dog", "folder")
    assert (second.id, second.captions, second.box, second.licence) == (
        "rex",
        ["a dog", "on grass"],
        (3, 2, 6, 6),
        None,
    )
    assert second.mask.sum() == 12 and second.image.shape == (3, 10, 12)
    assert second.reference_image is None and second.reference_mask is None
    assert ids(source) == ["holiday/max", "rex"] and not source.left_out


def test_a_picture_may_itself_be_named_like_a_mask_or_a_reference(tmp_path: Path) -> None:
    for name in ("gas_mask", "my_reference"):
        pair(tmp_path, name)
    source = FolderSource(str(tmp_path))
    assert ids(source) == ["gas_mask", "my_reference"]
    assert all(instance.reference_image is None for instance in source)


def cut_out(path: Path) -> None:
    pixels = np.zeros((8, 6, 4), np.uint8)
    pixels[2:5, 1:3] = (50, 60, 70, 255)
    Image.fromarray(pixels).save(path)


def reference(instance: Instance) -> tuple[torch.Tensor, torch.Tensor]:
    assert instance.reference_image is not None and instance.reference_mask is not None
    return instance.reference_image, instance.reference_mask


def test_the_reference_is_another_picture_cut_out_by_its_alpha_its_mask_or_not_at_all(tmp_path: Path) -> None:
    for name in "abc":
        pair(tmp_path, name)
    cut_out(tmp_path / "a_reference.png")
    paint(tmp_path / "b_reference.jpg", (7, 5), shade=200)
    mark(tmp_path / "b_reference_mask.png", (1, 2, 3, 4), (7, 5))
    paint(tmp_path / "c_reference.png", (7, 5))
    a, b, c = map(reference, FolderSource(str(tmp_path)))
    assert a[0].shape == (3, 8, 6) and a[1].shape == (1, 8, 6) and a[1][0, 2:5, 1:3].all() and a[1].sum() == 6
    assert b[0].shape == (3, 5, 7) and b[0].float().mean() == pytest.approx(200, abs=2)
    assert b[1][0, 2:4, 1:3].all() and b[1].sum() == 4
    assert c[1].shape == (1, 5, 7) and c[1].dtype == torch.bool and c[1].all()


def test_details_are_marked_by_a_file_of_their_own_or_a_column(tmp_path: Path) -> None:
    pair(tmp_path, "rex")
    pair(tmp_path, "plain")
    mark(tmp_path / "rex_detail_mask.png", (4, 3, 5, 5))
    plain, rex = FolderSource(str(tmp_path))
    assert plain.detail_mask is None
    assert rex.detail_mask is not None and rex.detail_mask.nonzero().tolist() == [[0, 3, 4], [0, 4, 4]]
    (row,) = table(tmp_path, "rex.png,rex_mask.png,rex_detail_mask.png", header="image,mask,detail_mask")
    assert row.detail_mask is not None and torch.equal(row.detail_mask, rex.detail_mask)


def test_the_mask_of_a_picture_called_detail_is_its_own(tmp_path: Path) -> None:
    pair(tmp_path, "rex")
    pair(tmp_path, "rex_detail")
    rex, detail = FolderSource(str(tmp_path))
    assert (rex.id, rex.detail_mask, detail.id) == ("rex", None, "rex_detail")


def test_pictures_and_masks_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    paint(tmp_path / "a.jpg", (12, 10), exif=exif)
    mark(tmp_path / "a_mask.png", (3, 2, 6, 6), (10, 12))
    (instance,) = FolderSource(str(tmp_path))
    assert instance.image.shape == (3, 12, 10) and instance.box == (3, 2, 6, 6)
    assert FolderSource(str(tmp_path)).picture_of(0).upright


def test_a_folder_without_masks_says_what_to_do(test_data: Path) -> None:
    with pytest.raises(InputError, match=r"can holds 6 pictures, but no masks\. Put NAME_mask\.png.*UnlabelledSource"):
        len(FolderSource(str(test_data / "dreambooth" / "dataset" / "can")))


def test_a_folder_without_pictures_or_no_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture"):
        len(FolderSource(str(tmp_path)))
    with pytest.raises(MissingFileError, match=r"nowhere\. Put NAME_mask\.png"):
        len(FolderSource(str(tmp_path / "nowhere")))


def test_what_lacks_its_counterpart_is_left_out_as_damage(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    paint(tmp_path / "b.png")
    mark(tmp_path / "c_mask.png")
    pair(tmp_path, "d")
    mark(tmp_path / "d_reference_mask.png")
    paint(tmp_path / "a.webp")
    pair(tmp_path, "e")
    (tmp_path / "e.txt").write_bytes(b"\xff\xfe\x00")
    source = FolderSource(str(tmp_path))
    assert ids(source) == ["a"]
    told = {one.id: (one.reason, one.damage) for one in source.left_out}
    assert {id_: reason for id_, (reason, _) in told.items()} == {
        "a.webp": "duplicate id",
        "b": "no mask",
        "c_mask": "no picture",
        "d": "no reference",
        "e": "unreadable",
    }
    assert "a.png" in told["a.webp"][1] and "b_mask.png" in told["b"][1]
    assert "c_mask.png" in told["c_mask"][1] and "d_reference_mask.png" in told["d"][1] and "e.txt" in told["e"][1]


def test_a_limit_of_the_area_is_asked_of_each_mask(tmp_path: Path) -> None:
    pair(tmp_path, "small", box=(0, 0, 1, 1))
    pair(tmp_path, "middle")
    pair(tmp_path, "large", box=(0, 0, 12, 10))
    pair(tmp_path, "empty", box=(0, 0, 0, 0))
    source = FolderSource(str(tmp_path), ObjectFilter())
    assert ids(source) == ["middle"]
    told = {one.id: one.reason for one in source.left_out}
    assert told == {"small": "too small", "large": "too large", "empty": "unreadable"}


def test_a_table_names_files_captions_classes_and_licences(tmp_path: Path) -> None:
    paint(tmp_path / "pictures" / "one.png", shade=100)
    mark(tmp_path / "masks" / "dog.png")
    mark(tmp_path / "masks" / "cat.png", (0, 0, 2, 2))
    cut_out(tmp_path / "dog_reference.png")
    paint(tmp_path / "cat.png", (7, 5))
    mark(tmp_path / "cat_only.png", (1, 1, 2, 2), (7, 5))
    rows = [
        {
            "image": "pictures/one.png",
            "mask": "masks/dog.png",
            "reference": "dog_reference.png",
            "caption": 'a dog, "Rex"',
            "class_name": "dog",
            "licence": "CC0",
            "notes": "not read",
        },
        {
            "image": "pictures/one.png",
            "mask": "masks/cat.png",
            "reference": "cat.png",
            "reference_mask": "cat_only.png",
            "id": 7,
            "caption": None,
        },
    ]
    from_json = list(lines(tmp_path, *rows))
    (tmp_path / "metadata.jsonl").unlink()
    from_csv = list(
        table(
            tmp_path,
            'pictures/one.png,masks/dog.png,dog_reference.png,,"a dog, ""Rex""",dog,CC0,,not read',
            "pictures/one.png,masks/cat.png,cat.png,cat_only.png,,,,7,",
            header="image,mask,reference,reference_mask,caption,class_name,licence,id,notes",
        )
    )
    for dog, cat in (from_json, from_csv):
        assert (dog.id, dog.captions, dog.class_name, dog.licence) == ("masks/dog", ['a dog, "Rex"'], "dog", "CC0")
        assert (cat.id, cat.captions, cat.class_name, cat.licence) == ("7", [], "object", None)
        assert (dog.box, cat.box) == ((3, 2, 6, 6), (0, 0, 2, 2))
        assert reference(dog)[1].sum() == 6 and reference(cat)[1].sum() == 1


def test_a_table_can_be_named_and_starts_with_whatever_excel_puts_there(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    table(tmp_path, "a.png,a_mask.png", header="\ufeffimage,mask", name="mine.csv")
    assert ids(FolderSource(str(tmp_path), table="mine.csv")) == ["a_mask"]
    assert ids(FolderSource(str(tmp_path))) == ["a"]
    with pytest.raises(MissingFileError, match=r"other\.csv.*metadata\.csv"):
        len(FolderSource(str(tmp_path), table="other.csv"))


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("picture,mask", r"has the columns picture, mask; image and mask are needed, and reference,"),
        ("image;mask", r"has the columns image;mask;"),
        ("image,mask,captions", r"Did you mean 'caption' by 'captions'"),
        ("image,mask,class_nam", r"Did you mean 'class_name' by 'class_nam'"),
    ],
)
def test_a_wrong_header_is_refused_with_the_columns_found_and_wanted(tmp_path: Path, header: str, told: str) -> None:
    pair(tmp_path, "a")
    with pytest.raises(InputError, match=rf"metadata\.csv .*{told}"):
        len(table(tmp_path, "a.png,a_mask.png", header=header))


def test_json_lines_with_wrong_columns_are_refused_likewise(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    with pytest.raises(InputError, match=r"metadata\.jsonl has the columns mask, picture; image and mask are needed"):
        len(lines(tmp_path, {"picture": "a.png", "mask": "a_mask.png"}))


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b'image,mask\n"a.png,a_mask.png\n'])
def test_a_file_that_is_no_table_is_refused_and_named(tmp_path: Path, data: bytes) -> None:
    pair(tmp_path, "a")
    (tmp_path / "metadata.csv").write_bytes(data)
    with pytest.raises(InputError, match=r"metadata\.csv"):
        len(FolderSource(str(tmp_path)))


@pytest.mark.parametrize("climbing", ["../a.png", "/a.png", "C:\\a.png", "..\\a.png"])
@pytest.mark.parametrize("column", ["image", "mask", "reference", "reference_mask", "detail_mask"])
def test_a_name_that_climbs_out_is_left_out_as_damage(tmp_path: Path, climbing: str, column: str) -> None:
    pair(tmp_path / "in", "a")
    pair(tmp_path, "a")
    bad = {"image": "a.png", "mask": "b_mask.png", "reference": "a.png", column: climbing}
    source = lines(tmp_path / "in", bad, {"image": "a.png", "mask": "a_mask.png"})
    assert ids(source) == ["a_mask"]
    (left_out,) = source.left_out
    assert left_out.reason == "file outside the root" and repr(climbing) in left_out.damage


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a.png,", "line 3 names no mask"),
        (",a_mask.png", "line 3 names no image"),
        ("a.png", "line 3 names no mask"),
        ("a.png,b_mask.png,a dog, sitting", "line 3 has more cells than the header"),
        ("a.png,/,", "lies outside"),
    ],
)
def test_a_broken_row_is_left_out_and_named_and_the_rest_goes_on(tmp_path: Path, row: str, told: str) -> None:
    pair(tmp_path, "a")
    source = table(tmp_path, "a.png,a_mask.png,", row, "a.png,c_mask.png,", header="image,mask,caption")
    assert ids(source) == ["a_mask", "c_mask"]
    (left_out,) = source.left_out
    assert "metadata.csv" in left_out.damage and told in left_out.damage


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 2 is no JSON object"),
        ("[1]", "line 2 is no JSON object"),
        ('{"image": ["a.png"], "mask": "a.png"}', "line 2, image is ['a.png']"),
        ('{"image": "a.png", "mask": "b.png", "caption": NaN}', "line 2, caption is nan"),
    ],
)
def test_a_broken_line_of_json_is_left_out_and_named_and_the_rest_goes_on(tmp_path: Path, line: str, told: str) -> None:
    pair(tmp_path, "a")
    whole = '{"image": "a.png", "mask": "%s_mask.png"}'
    (tmp_path / "metadata.jsonl").write_text(f"{whole % 'a'}\n{line}\n\n{whole % 'c'}\n")
    source = FolderSource(str(tmp_path))
    assert ids(source) == ["a_mask", "c_mask"]
    (left_out,) = source.left_out
    assert left_out.reason == "broken annotation"
    assert told in left_out.damage


def test_of_two_rows_of_one_id_the_first_counts(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    source = table(tmp_path, "a.png,a_mask.png,", "a.png,a_mask.png,", "a.png,a_mask.png,mine", header="image,mask,id")
    assert ids(source) == ["a_mask", "mine"]
    assert reasons(source.left_out) == {"duplicate id": 1}


def test_classes_and_licences_can_be_chosen(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    rows = ("a.png,a_mask.png,dog,CC0", "a.png,b_mask.png,,CC0", "a.png,c_mask.png,dog,")
    table(tmp_path, *rows, header="image,mask,class_name,licence")

    def kept(**choice: list[str]) -> list[str]:
        return ids(FolderSource(str(tmp_path), ObjectFilter(0, 1, **choice), class_name="cat"))

    assert kept(categories=["dog"]) == ["a_mask", "c_mask"]
    assert kept(categories=["cat"]) == ["b_mask"]
    assert kept(licences=["cc0"]) == ["a_mask", "b_mask"]
    with pytest.raises(SettingError, match=r"metadata\.csv has no class 'dogs'\. Did you mean 'dog'"):
        kept(categories=["dogs"])


def test_a_mask_of_another_size_an_empty_one_and_missing_or_truncated_files_are_refused(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    source = FolderSource(str(tmp_path))
    mark(tmp_path / "a_mask.png", size=(10, 12))
    with pytest.raises(InputError, match=r"a_mask\.png is 10 x 12 .* 12 x 10"):
        source[0]
    Image.new("L", (12, 10)).save(tmp_path / "a_mask.png")
    with pytest.raises(InputError, match=r"a_mask\.png has no white pixel"):
        source[0]
    (tmp_path / "a_mask.png").unlink()
    with pytest.raises(MissingFileError, match=r"a_mask\.png"):
        source[0]
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    with pytest.raises(InputError, match=r"a\.png"):
        source[0]
    (tmp_path / "a.png").unlink()
    with pytest.raises(MissingFileError, match=r"a\.png.*NAME_mask\.png"):
        source[0]


def test_the_constructor_reads_nothing_and_is_described(tmp_path: Path) -> None:
    source = FolderSource(str(tmp_path / "nowhere"), ObjectFilter(0.1, 0.4), "mine.csv", "dog")
    again = make(describe(source), SegmentationSource)
    assert describe(again) == describe(source)
    assert describe(source)["init_args"]["table"] == "mine.csv"
    assert describe(FolderSource("a"))["init_args"]["keep"]["init_args"]["max_area"] == 1


def test_the_folder_is_read_once_and_travels_with_copies(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    source = FolderSource(str(tmp_path))
    assert len(source) == 1
    pair(tmp_path, "b")
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert ids(copy) == ["a"] and torch.equal(copy[0].mask, source[0].mask)
    assert copy.content_of(0) == content_hash(source[0].image)
    assert copy.picture_of(0).path == tmp_path / "a.png"
