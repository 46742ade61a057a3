import csv
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dreaminpainter.components import describe, make
from dreaminpainter.data.sources import openimages_tables
from dreaminpainter.data.sources.base import SegmentationSource, content_hash, reasons
from dreaminpainter.data.sources.filter import EVERYTHING, ObjectFilter
from dreaminpainter.data.sources.openimages import OpenImagesSource
from dreaminpainter.errors import InputError, MissingFileError, SettingError

OUTLINES = "mine-annotations-object-segmentation.csv"
BOXES = "mine-annotations-bbox.csv"
HEADER = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
BOX_HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)


def row(mask: str = "one_a.png", image: str = "one", label: str = "/m/dog", box: str = "0.25,0.5,0.2,0.6") -> str:
    return f"{mask},{image},{label},a,{box},0.85,"


def flags(box: str, group: int = 0, depiction: int = 0, image: str = "one", label: str = "/m/dog") -> str:
    return f"{image},xclick,{label},1,{box},0,0,{group},{depiction},0"


def square(size: tuple[int, int] = (12, 10)) -> Image.Image:
    """A mask whose third to fifth of its width and height is white."""
    pixels = np.zeros((size[1], size[0]), bool)
    pixels[size[1] // 5 : size[1] * 3 // 5, size[0] // 4 : size[0] // 2] = True
    return Image.fromarray(pixels)


class Tiny:
    """One picture of 12 x 10 in the layout of Open Images."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.annotations = root / "annotations"
        for folder in (self.annotations, root / "mine", root / "masks" / "mine"):
            folder.mkdir(parents=True)
        Image.new("RGB", (12, 10), (9, 8, 7)).save(root / "mine" / "one.jpg")
        (self.annotations / "class-descriptions-boxable.csv").write_text("/m/dog,Dog\n/m/cat,Cat\n")
        self.mask("one_a.png", square())

    def mask(self, name: str, mask: Image.Image) -> None:
        mask.save(self.root / "masks" / "mine" / name)

    def write(self, name: str, header: str, *rows: str) -> None:
        (self.annotations / name).write_text("".join(f"{line}\n" for line in (header, *rows)))

    def source(self, *rows: str, keep: ObjectFilter | None = None) -> OpenImagesSource:
        self.write(OUTLINES, HEADER, *rows)
        return OpenImagesSource(str(self.root), "mine", keep)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def nearest(mask: Any, height: int, width: int, tie: float) -> Any:
    """The pixel of the mask that the middle of each pixel falls into; `tie` moves middles off the mask's grid."""
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height + tie).astype(int)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width + tie).astype(int)
    return mask[rows][:, columns]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_masks_are_those_of_the_files_for_every_object(test_data: Path, split: str) -> None:
    root = test_data / "openimages"
    source = OpenImagesSource(str(root), split, ObjectFilter(**EVERYTHING))
    with (root / "annotations" / f"{split}-annotations-object-segmentation.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (root / "annotations" / "class-descriptions-boxable.csv").open() as file:
        names = dict(csv.reader(file))
    assert len(source) == len(rows) and not source.left_out
    smaller = 0
    for instance, one in zip(source, rows, strict=True):
        mask = np.asarray(Image.open(root / "masks" / split / one["MaskPath"])).astype(bool)
        with Image.open(root / split / f"{one['ImageID']}.jpg") as picture:
            width, height = picture.size
        smaller += mask.shape != (height, width)
        before, after = (nearest(mask, height, width, tie) for tie in (-1e-6, 1e-6))
        wrong = (instance.mask[0].numpy() != before) & (instance.mask[0].numpy() != after)
        assert not wrong.any() and np.count_nonzero(before != after) < 0.01 * before.size, instance.id
        assert instance.image.shape == (3, height, width)
        assert (f"{instance.id}.png", instance.class_name) == (one["MaskPath"], names[one["LabelName"]])
        corners = [float(one[f"Box{name}"]) for name in ("XMin", "YMin", "XMax", "YMax")]
        assert instance.box == pytest.approx(np.multiply(corners, (width, height, width, height)), abs=8), instance.id
    assert smaller


def test_objects_are_left_out_whose_box_is_too_small(test_data: Path) -> None:
    root = test_data / "openimages"
    source = OpenImagesSource(str(root), keep=ObjectFilter(min_area=0.05))
    with (root / "annotations" / "train-annotations-object-segmentation.csv").open() as file:
        small = {
            one["MaskPath"].removesuffix(".png")
            for one in csv.DictReader(file)
            if (float(one["BoxXMax"]) - float(one["BoxXMin"])) * (float(one["BoxYMax"]) - float(one["BoxYMin"])) < 0.05
        }
    assert {one.id for one in source.left_out} == small and small
    assert reasons(source.left_out) == {"too small": len(small)}
    assert small.isdisjoint(source.id_of(index) for index in range(len(source)))


def test_a_record_holds_what_the_files_say(tiny: Tiny) -> None:
    (instance,) = tiny.source(row())
    assert (instance.id, instance.class_name, instance.source, instance.captions) == ("one_a", "Dog", "openimages", [])
    assert instance.licence == "CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/)"
    assert instance.box == (3, 2, 6, 6) and instance.mask.sum() == 12 and instance.mask[0, 2:6, 3:6].all()


@pytest.mark.parametrize("size", [(24, 20), (120, 100)])
def test_a_mask_of_another_size_is_brought_to_the_pictures(tiny: Tiny, size: tuple[int, int]) -> None:
    tiny.mask("one_a.png", square(size))
    assert tiny.source(row())[0].box == (3, 2, 6, 6)


def test_a_mask_of_another_shape_is_refused_with_both_sizes(tiny: Tiny) -> None:
    tiny.mask("one_a.png", square((10, 12)))
    with pytest.raises(InputError, match=r"one_a\.png is 10 x 12 .* 12 x 10"):
        tiny.source(row())[0]


def test_an_empty_mask_is_refused_also_where_it_is_empty_only_at_the_pictures_size(tiny: Tiny) -> None:
    tiny.mask("one_a.png", Image.new("1", (12, 10)))
    with pytest.raises(InputError, match=r"one_a\.png has no white pixel"):
        tiny.source(row())[0]
    dot = Image.new("1", (120, 100))
    dot.putpixel((0, 0), 1)
    tiny.mask("one_a.png", dot)
    with pytest.raises(InputError, match=r"one_a\.png is empty at its picture's size, 12 x 10"):
        tiny.source(row())[0]


def test_groups_and_depictions_are_left_out_by_their_box(tiny: Tiny) -> None:
    boxes = ["0,0.5,0,0.5", "0.1,0.5,0,0.5", "0.2,0.5,0,0.5", "0.3,0.5,0,0.5", "0.4,0.9,0,0.5"]
    rows = [row(f"{number}.png", box=box) for number, box in enumerate(boxes)]
    tiny.write(
        BOXES,
        BOX_HEADER,
        flags("0.000000,0.50000041,0.0,0.5", group=1),  # more digits than the outlines' file has
        flags(boxes[1], depiction=1),
        flags(boxes[2], group=-1, depiction=-1),  # unknown
        flags(boxes[3], group=1, label="/m/cat"),
        flags(boxes[4], group=1, image="two"),
        flags("0.41,0.9,0,0.5", depiction=1),
    )
    source = tiny.source(*rows)
    assert [source.id_of(index) for index in range(len(source))] == ["2", "3", "4"]
    assert [(one.id, one.reason, one.damage) for one in source.left_out] == [("0", "group", ""), ("1", "depiction", "")]


def test_flags_are_read_in_pieces_and_from_the_newer_file_first(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openimages_tables, "_ROWS", 2)
    boxes = [f"0.{number},0.9,0,0.5" for number in range(7)]
    tiny.write(f"oidv6-{BOXES}", f"{BOX_HEADER},XClick1X", *(f"{flags(box, group=1)},0.5" for box in boxes[::2]))
    tiny.write(BOXES, BOX_HEADER, *(flags(box, depiction=1) for box in boxes))
    source = tiny.source(*(row(f"{number}.png", box=box) for number, box in enumerate(boxes)))
    assert [source.id_of(index) for index in range(len(source))] == ["1", "3", "5"]
    assert reasons(source.left_out) == {"group": 4}


def test_the_newest_class_names_win_and_their_header_is_no_class(tiny: Tiny) -> None:
    path = tiny.annotations / "oidv7-class-descriptions-boxable.csv"
    path.write_text('LabelName,DisplayName\n/m/dog,"Dog, small"\n')
    source = tiny.source(row())
    assert source[0].class_name == "Dog, small"
    with pytest.raises(SettingError, match=r"oidv7.*no class 'Dog, smal'\. Did you mean 'Dog, small'"):
        len(tiny.source(row(), keep=ObjectFilter(categories=["Dog, smal"])))


def test_other_classes_and_licences_are_left_out(tiny: Tiny) -> None:
    rows = (row(), row("one_b.png", label="/m/cat"))
    source = tiny.source(*rows, keep=ObjectFilter(categories=["Dog"], licences=["/by/2.0"]))
    assert [one.id for one in source] == ["one_a"]
    assert reasons(source.left_out) == {"other class": 1}
    assert reasons(tiny.source(*rows, keep=ObjectFilter(licences=["publicdomain"])).left_out) == {"other licence": 2}


@pytest.mark.parametrize(
    ("broken", "id_", "reason", "told"),
    [
        (row("one_b.png", box="0.2,nan,0.1,0.6"), "one_b", "broken box", "0.2 to nan, 0.1 to 0.6"),
        (row("one_b.png", box="0.2,wide,0.1,0.6"), "one_b", "broken box", "0.2 to nan"),
        (row("one_b.png", box="0.6,0.2,0.1,0.6"), "one_b", "broken box", "0.6 to 0.2"),
        (row("one_b.png", box="3,6,2,6"), "one_b", "broken box", "3 to 6"),
        (row("one_b.png", label="/m/fish"), "one_b", "unknown class", "/m/fish, which class-descriptions-boxable.csv"),
        (row("one_b.png", label=""), "one_b", "unknown class", "of class ,"),
        (row("one_a.png", box="0.1,0.9,0.1,0.9"), "one_a", "duplicate id", "one_a.png again"),
        (row("../one_a.png"), "../one_a", "file outside the root", "'../one_a.png' or 'one'"),
        (row("C:\\one.png"), "C:\\one", "file outside the root", "outside the root"),
        (row("/one.png"), "/one", "file outside the root", "outside the root"),
        (row("one_b.png", image="../../one"), "one_b", "file outside the root", "'../../one'"),
        (row(""), "", "broken annotation", "no MaskPath"),
        ("one_b.png", "one_b", "broken annotation", "no ImageID"),
    ],
)
def test_a_broken_row_is_left_out_and_named_and_the_rest_goes_on(
    tiny: Tiny, broken: str, id_: str, reason: str, told: str
) -> None:
    source = tiny.source(row(), broken, row("one_c.png"))
    assert [source.id_of(index) for index in range(len(source))] == ["one_a", "one_c"]
    (left_out,) = source.left_out
    assert (left_out.id, left_out.reason) == (id_, reason)
    assert f"{OUTLINES}: row 2 " in left_out.damage and told in left_out.damage


def test_two_dots_within_a_name_lead_nowhere(tiny: Tiny) -> None:
    tiny.mask("one..a.png", square())
    assert [one.id for one in tiny.source(row("one..a.png"))] == ["one..a"]


@pytest.mark.parametrize("name", [OUTLINES, BOXES])
def test_a_wrong_header_is_refused_and_the_missing_columns_are_named(tiny: Tiny, name: str) -> None:
    source = tiny.source(row())
    tiny.write(name, "ImageID,LabelName,BoxXMin,XMin", "one,/m/dog,0,0")
    with pytest.raises(InputError, match=rf"{name} lacks the columns .*YMax.*it has ImageID, LabelName, BoxXMin"):
        len(source)


@pytest.mark.parametrize("name", [OUTLINES, "class-descriptions-boxable.csv"])
@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00\x01\n\x80,\x81\n"])
def test_a_file_that_is_no_csv_is_refused_and_named(tiny: Tiny, name: str, data: bytes) -> None:
    source = tiny.source(row())
    (tiny.annotations / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        len(source)


def test_a_list_of_labels_without_names_is_refused(tiny: Tiny) -> None:
    source = tiny.source(row())
    (tiny.annotations / "class-descriptions-boxable.csv").write_text("/m/dog\n/m/cat\n")
    with pytest.raises(InputError, match=r"class-descriptions-boxable\.csv is no list of labels and class names"):
        len(source)


def test_missing_files_come_with_the_hint_what_to_fetch(tiny: Tiny) -> None:
    hint = r".*oidv7-class-descriptions-boxable\.csv.*513 GB"
    with pytest.raises(MissingFileError, match=r"train-annotations-object-segmentation\.csv" + hint):
        len(OpenImagesSource(str(tiny.root)))
    source = tiny.source(row())
    (tiny.root / "masks" / "mine" / "one_a.png").unlink()
    with pytest.raises(MissingFileError, match=r"one_a\.png" + hint):
        source[0]
    (tiny.root / "mine" / "one.jpg").unlink()
    with pytest.raises(MissingFileError, match=r"one\.jpg" + hint):
        source[0]
    (tiny.annotations / "class-descriptions-boxable.csv").unlink()
    with pytest.raises(MissingFileError, match=r"class-descriptions-boxable\.csv" + hint):
        len(OpenImagesSource(str(tiny.root), "mine"))


@pytest.mark.parametrize("file", ["mine/one.jpg", "masks/mine/one_a.png"])
@pytest.mark.parametrize("rest", [0, 50])
def test_a_truncated_picture_or_mask_is_refused_and_named(tiny: Tiny, file: str, rest: int) -> None:
    path = tiny.root / file
    path.write_bytes(path.read_bytes()[:rest])
    with pytest.raises(InputError, match=path.name):
        tiny.source(row())[0]


def test_the_constructor_reads_nothing_and_is_described(tmp_path: Path) -> None:
    source = OpenImagesSource(str(tmp_path / "nowhere"), "validation", ObjectFilter(0.1, 0.4, ["Dog"]))
    assert describe(make(describe(source), SegmentationSource)) == describe(source)


def test_the_annotations_are_read_once_and_travel_with_copies(tiny: Tiny) -> None:
    source = tiny.source(row(), row("one_b.png", box="0,0.01,0,0.01"))
    assert len(source) == 1
    (tiny.annotations / OUTLINES).unlink()
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert torch.equal(copy[0].mask, source[0].mask)
    assert copy.left_out == source.left_out and reasons(copy.left_out) == {"too small": 1}
    assert copy.content_of(0) == content_hash(source[0].image)
    assert copy.picture_of(0).path == tiny.root / "mine" / "one.jpg" and not copy.picture_of(0).upright
