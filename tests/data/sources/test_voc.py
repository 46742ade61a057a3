import pickle
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from dreaminpainter.components import describe, make
from dreaminpainter.data.sources.base import SegmentationSource, content_hash, reasons
from dreaminpainter.data.sources.filter import EVERYTHING, ObjectFilter
from dreaminpainter.data.sources.voc import VocSource
from dreaminpainter.errors import InputError, MissingFileError, SettingError

SIDES = ("xmin", "ymin", "xmax", "ymax")
BOMB = """<?xml version="1.0"?>
<!DOCTYPE annotation [
  <!ENTITY a "lollollollollollollollollollollol">
  <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
  <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<annotation><object><name>&c;</name></object></annotation>"""


def thing(name: str = "dog", box: tuple[object, ...] = (2, 2, 6, 6)) -> str:
    corners = "".join(f"<{side}>{place}</{side}>" for side, place in zip(SIDES, box, strict=False))
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    return f"<object><name>{name}</name><difficult>1</difficult><bndbox>{corners}</bndbox>{part}</object>"


class Tiny:
    """Pictures of 12 x 10 in VOC's layout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "VOCdevkit" / "VOC2012"
        for name in ("JPEGImages", "Annotations", "SegmentationObject", "ImageSets/Segmentation"):
            (self.folder / name).mkdir(parents=True)

    def add(self, name: str, xml: str, squares: dict[int, tuple[slice, slice]]) -> None:
        Image.new("RGB", (12, 10), (9, 8, 7)).save(self.folder / "JPEGImages" / f"{name}.jpg")
        (self.folder / "Annotations" / f"{name}.xml").write_text(xml)
        numbers = np.zeros((10, 12), np.uint8)
        for number, (rows, columns) in squares.items():
            numbers[rows, columns] = number
        picture = Image.fromarray(numbers, mode="P")
        picture.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
        picture.save(self.folder / "SegmentationObject" / f"{name}.png")

    def source(self, *names: str, keep: ObjectFilter | None = None) -> VocSource:
        (self.folder / "ImageSets" / "Segmentation" / "mine.txt").write_text("".join(f"{name}\n" for name in names))
        return VocSource(str(self.root), "mine", keep)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    squares = {1: (slice(2, 6), slice(2, 6)), 2: (slice(2, 6), slice(7, 12)), 255: (slice(2, 6), slice(6, 7))}
    made.add("one", f"<annotation>{thing()}{thing('pottedplant')}{thing('cat')}</annotation>", squares)
    return made


def annotation(*objects: str) -> str:
    return f"<annotation>{''.join(objects)}</annotation>"


SQUARE = {1: (slice(2, 6), slice(2, 6))}


@pytest.mark.parametrize("split", ["train", "val", "trainval"])
def test_masks_are_the_numbers_in_the_palette_for_every_object(test_data: Path, split: str) -> None:
    folder = test_data / "voc" / "VOCdevkit" / "VOC2012"
    source = VocSource(str(test_data / "voc"), split, ObjectFilter(**EVERYTHING))
    places = iter(range(len(source)))
    outlined = 0
    for name in (folder / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split():
        numbers = np.asarray(Image.open(folder / "SegmentationObject" / f"{name}.png"))
        objects = ElementTree.parse(folder / "Annotations" / f"{name}.xml").getroot().findall("object")  # noqa: S314
        for number, element in enumerate(objects, start=1):
            if not (numbers == number).any():
                continue
            instance = source[next(places)]
            outlined += 1
            assert instance.id == f"{name}_{number}"
            assert np.array_equal(instance.mask[0].numpy(), numbers == number)
            assert instance.class_name.replace(" ", "") == element.findtext("name")
            corners = [float(element.findtext(f"bndbox/{side}") or "nan") for side in SIDES]
            # The mask lies in its own object's box: corners count from 1, the border of some pixels is in no mask.
            left, top, right, bottom = np.subtract(corners, instance.box)
            assert max(left, top) <= 2 and min(right, bottom) >= -2, instance.id
            assert instance.image.shape[1:] == instance.mask.shape[1:]
    assert outlined == len(source) > 0 and not source.left_out


def test_small_and_large_objects_are_left_out(test_data: Path) -> None:
    source = VocSource(str(test_data / "voc"), "trainval")
    everything = VocSource(str(test_data / "voc"), "trainval", ObjectFilter(**EVERYTHING))
    areas = [float(instance.mask.float().mean()) for instance in everything]
    assert len(source) == sum(0.02 <= area <= 0.5 for area in areas) > 0
    assert reasons(source.left_out) == {
        "too small": sum(area < 0.02 for area in areas),
        "too large": sum(area > 0.5 for area in areas),
    }


def test_the_border_is_nobodys_and_class_names_are_in_words(tiny: Tiny) -> None:
    source = tiny.source("one")
    dog, plant = source
    assert (dog.id, dog.class_name, dog.box, int(dog.mask.sum())) == ("one_1", "dog", (2, 2, 6, 6), 16)
    assert (plant.id, plant.class_name, plant.box, int(plant.mask.sum())) == (
        "one_2",
        "potted plant",
        (7, 2, 12, 6),
        20,
    )
    assert (dog.source, dog.captions, dog.licence) == ("voc", [], None)
    assert dog.image.shape == (3, 10, 12)
    assert [(one.id, one.reason, one.damage) for one in source.left_out] == [("one_3", "no outline", "")]


def test_the_filter_knows_class_names_in_words(tiny: Tiny) -> None:
    assert [one.id for one in tiny.source("one", keep=ObjectFilter(categories=["potted plant"]))] == ["one_2"]
    assert not len(tiny.source("one", keep=ObjectFilter(categories=["sheep"])))  # one of VOC's, if not of this split
    with pytest.raises(SettingError, match=r"no class 'pottedplant'\. Did you mean 'potted plant'"):
        len(tiny.source("one", keep=ObjectFilter(categories=["pottedplant"])))


@pytest.mark.parametrize(
    ("xml", "squares", "id_", "reason", "told"),
    [
        (BOMB, SQUARE, "bad", "broken annotation", "EntitiesForbidden"),
        ("<annotation><object>", SQUARE, "bad", "broken annotation", "ParseError"),
        ("", SQUARE, "bad", "broken annotation", "ParseError"),
        (annotation(thing(box=(2, "nan", 6, 6))), SQUARE, "bad_1", "broken box", "'ymin': 'nan'"),
        (annotation(thing(box=(6, 2, 2, 6))), SQUARE, "bad_1", "broken box", "'xmin': '6'"),
        (annotation(thing(box=(2, 2))), SQUARE, "bad_1", "broken box", "object 1"),
        (annotation(thing(name="")), SQUARE, "bad_1", "unknown class", "object 1 has no name"),
        (annotation(), SQUARE, "bad_1", "unknown object", "no object 1"),
    ],
)
def test_a_broken_annotation_is_left_out_and_named_and_the_rest_goes_on(
    tiny: Tiny, xml: str, squares: dict[int, tuple[slice, slice]], id_: str, reason: str, told: str
) -> None:
    tiny.add("bad", xml, squares)
    tiny.add("last", annotation(thing()), SQUARE)
    source = tiny.source("bad", "last")
    assert [one.id for one in source] == ["last_1"]
    (left_out,) = source.left_out
    assert (left_out.id, left_out.reason) == (id_, reason)
    assert "bad.xml" in left_out.damage and told in left_out.damage


@pytest.mark.parametrize("name", ["../one", "/etc/one", "C:\\one", "..\\one"])
def test_a_name_that_climbs_out_is_left_out_as_damage(tiny: Tiny, name: str) -> None:
    source = tiny.source(name, "one")
    assert len(source) == 2
    assert [(one.id, one.reason) for one in source.left_out if one.damage] == [(name, "file outside the root")]


def test_a_picture_that_is_listed_twice_counts_once(tiny: Tiny) -> None:
    source = tiny.source("one", "one")
    assert [one.id for one in source] == ["one_1", "one_2"]
    assert reasons(source.left_out) == {"duplicate id": 3, "no outline": 1}


@pytest.mark.parametrize("file", ["Annotations/one.xml", "SegmentationObject/one.png"])
def test_a_missing_annotation_is_damage_with_the_hint_what_to_fetch(tiny: Tiny, file: str) -> None:
    (tiny.folder / file).unlink()
    source = tiny.source("one")
    assert not len(source)
    (left_out,) = source.left_out
    assert (left_out.id, left_out.reason) == ("one", "missing file")
    assert file in left_out.damage and "VOCtrainval_11-May-2012.tar" in left_out.damage


@pytest.mark.parametrize("mode", ["RGB", "1", "I;16"])
def test_outlines_that_are_no_numbers_are_damage(tiny: Tiny, mode: str) -> None:
    Image.new(mode, (12, 10)).save(tiny.folder / "SegmentationObject" / "one.png")
    (left_out,) = tiny.source("one").left_out
    assert (left_out.id, left_out.reason) == ("one", "unreadable")
    assert "one.png" in left_out.damage


@pytest.mark.parametrize("rest", [0, 40])
def test_truncated_outlines_are_damage(tiny: Tiny, rest: int) -> None:
    path = tiny.folder / "SegmentationObject" / "one.png"
    path.write_bytes(path.read_bytes()[:rest])
    assert reasons(tiny.source("one").left_out) == {"unreadable": 1}


def test_a_missing_list_comes_with_the_hint_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"train\.txt.*VOCtrainval_11-May-2012\.tar"):
        len(VocSource(str(tmp_path)))


def test_a_list_that_is_no_text_is_refused(tiny: Tiny) -> None:
    source = tiny.source("one")
    (tiny.folder / "ImageSets" / "Segmentation" / "mine.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"mine\.txt cannot be read"):
        len(source)


def test_a_picture_that_is_missing_truncated_or_of_another_size_is_refused(tiny: Tiny) -> None:
    source = tiny.source("one")
    path = tiny.folder / "JPEGImages" / "one.jpg"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"one\.jpg.*truncated"):
        source[0]
    Image.new("RGB", (10, 12)).save(path)
    with pytest.raises(InputError, match=r"one\.jpg is 10 x 12 .* 12 x 10"):
        source[0]
    path.unlink()
    with pytest.raises(MissingFileError, match=r"one\.jpg.*VOCtrainval"):
        source[0]


def test_the_constructor_reads_nothing_and_is_described(tmp_path: Path) -> None:
    source = VocSource(str(tmp_path / "nowhere"), "val", ObjectFilter(0.1, 0.4, ["dog"]))
    assert describe(make(describe(source), SegmentationSource)) == describe(source)


def test_the_annotations_are_read_once_and_travel_with_copies(tiny: Tiny) -> None:
    source = tiny.source("one")
    assert len(source) == 2
    (tiny.folder / "Annotations" / "one.xml").unlink()
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert [copy.id_of(index) for index in range(len(copy))] == ["one_1", "one_2"]
    assert torch.equal(copy[1].mask, source[1].mask)
    assert copy.content_of(1) == content_hash(source[1].image)
    assert copy.picture_of(1).path == tiny.folder / "JPEGImages" / "one.jpg" and not copy.picture_of(1).upright
