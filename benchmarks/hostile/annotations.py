"""What data sets say of their pictures: COCO and LVIS, run lengths, Open Images, Pascal VOC."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from benchmarks.hostile.mutation import NUMBERS, jsons, texts, trees
from benchmarks.hostile.trying import Parser
from dreaminpainter.data.run_lengths import BrokenOutlineError, decode, from_counts, from_polygons
from dreaminpainter.data.sources import CocoSource, LvisSource, OpenImagesSource, SegmentationSource, VocSource
from dreaminpainter.data.sources.filter import EVERYTHING, ObjectFilter
from dreaminpainter.errors import InputError, MissingFileError

WIDTH, HEIGHT = 12, 10
SQUARE = [[2, 2, 6, 2, 6, 6, 2, 6]]
COUNTS = [24, 4, 6, 4, 6, 4, 6, 4, 62]


def _instances(**picture: str) -> dict[str, Any]:
    shared = {"image_id": 1, "category_id": 18, "iscrowd": 0, "bbox": [2, 2, 4, 4], "area": 16}
    outlines = [SQUARE, {"size": [HEIGHT, WIDTH], "counts": COUNTS}, [[0, 0, 12, 0, 12, 10]]]
    return {
        "images": [{"id": 1, "width": WIDTH, "height": HEIGHT, "license": 4, **picture}],
        "annotations": [{"id": place, "segmentation": outline, **shared} for place, outline in enumerate(outlines)],
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "traffic_light"}],
        "licenses": [{"id": 4, "name": "by", "url": "http://creativecommons.org/licenses/by/2.0/"}],
    }


CAPTIONS = {"annotations": [{"id": 1, "image_id": 1, "caption": "a dog"}, {"id": 2, "image_id": 1, "caption": "b"}]}


def _read_all(source: SegmentationSource) -> None:
    """Everything that training asks a source for."""
    for index in range(len(source)):
        try:
            instance = source[index]
        except (InputError, MissingFileError):
            continue  # told when it is met, as preparing does
        assert instance.mask.shape[1:] == instance.image.shape[1:] and instance.mask.any()
    for one in source.left_out:
        assert one.reason


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), (9, 8, 7)).save(path)


def _coco(root: Path, content: tuple[bytes, bytes]) -> None:
    _picture(root / "one" / "1.png")
    (root / "annotations").mkdir()
    for name, data in zip(("instances", "captions"), content, strict=True):
        (root / "annotations" / f"{name}_one.json").write_bytes(data)
    _read_all(CocoSource(str(root), "one", ObjectFilter(**EVERYTHING)))


def _lvis(root: Path, content: bytes) -> None:
    _picture(root / "train2017" / "1.png")
    (root / "annotations").mkdir()
    (root / "annotations" / "lvis_v1_train.json").write_bytes(content)
    _read_all(LvisSource(str(root), "train", ObjectFilter(**EVERYTHING)))


def _run_lengths(folder: Path, content: tuple[Any, Any]) -> None:
    outline, size = content
    is_polygons = isinstance(outline, list) and any(isinstance(one, list) for one in outline)
    mask = decode(from_polygons(outline, size) if is_polygons else from_counts(outline, size))
    assert mask.shape == (1, *size)


_sizes = st.just((HEIGHT, WIDTH)) | st.tuples(*[st.sampled_from([1, HEIGHT, 2**20, *NUMBERS])] * 2)
_outlines = st.one_of(
    trees(SQUARE).filter(lambda one: isinstance(one, list) and all(_is_polygon(polygon) for polygon in one)),
    trees(COUNTS).filter(lambda one: isinstance(one, list) and not any(isinstance(count, list) for count in one)),
    texts("PPYo1k0").map(lambda data: data.decode(errors="replace")),
    st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=30),
    st.lists(st.integers(-3, 200), max_size=12),
)


def _is_polygon(one: Any) -> bool:
    """What the reader of a file hands over; it takes what Python says of the rest for damage."""
    return isinstance(one, list) and all(type(number) in (int, float) and abs(number) < 1e300 for number in one)


OUTLINES = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\n"
BOXES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)
ROW, BOX = "one_a.png,one,/m/dog,a,0.25,0.5,0.2,0.6,0.85,\n", "one,x,/m/dog,1,0.25,0.5,0.2,0.6,0,0,0,0,0\n"


def _open_images(root: Path, content: tuple[bytes, bytes, bytes]) -> None:
    _picture(root / "mine" / "one.jpg")
    (root / "masks" / "mine").mkdir(parents=True)
    (root / "annotations").mkdir()
    Image.new("1", (WIDTH, HEIGHT), 1).save(root / "masks" / "mine" / "one_a.png")
    names = ("class-descriptions-boxable", "mine-annotations-object-segmentation", "mine-annotations-bbox")
    for name, data in zip(names, content, strict=True):
        (root / "annotations" / f"{name}.csv").write_bytes(data)
    _read_all(OpenImagesSource(str(root), "mine", ObjectFilter(**EVERYTHING)))


XML = """<?xml version="1.0" encoding="utf-8"?>
<annotation><folder>VOC2012</folder><filename>one.jpg</filename><object><name>dog</name><bndbox><xmin>2</xmin>
<ymin>2</ymin><xmax>6</xmax><ymax>6</ymax></bndbox></object><object><name>cat</name></object></annotation>"""
ENTITIES = XML.replace("<annotation>", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>').replace(
    "dog", "&x;"
)


def _voc(root: Path, content: tuple[bytes, bytes]) -> None:
    folder = root / "VOCdevkit" / "VOC2012"
    _picture(folder / "JPEGImages" / "one.jpg")
    for name in ("Annotations", "SegmentationObject", "ImageSets/Segmentation"):
        (folder / name).mkdir(parents=True)
    numbers = np.repeat(np.arange(WIDTH, dtype=np.uint8)[None] // 5, HEIGHT, axis=0)
    Image.fromarray(numbers, mode="P").save(folder / "SegmentationObject" / "one.png")
    names, xml = content
    (folder / "ImageSets" / "Segmentation" / "mine.txt").write_bytes(names)
    (folder / "Annotations" / "one.xml").write_bytes(xml)
    _read_all(VocSource(str(root), "mine", ObjectFilter(**EVERYTHING)))


_whole = json.dumps(CAPTIONS).encode()
_named = json.dumps(_instances(file_name="1.png")).encode()
ANNOTATIONS = (
    Parser(
        "COCO: annotations and captions",
        st.tuples(jsons(_instances(file_name="1.png")), st.just(_whole))
        | st.tuples(st.just(_named), jsons(CAPTIONS) | texts(json.dumps(CAPTIONS)))
        | st.tuples(texts(_named.decode()), st.just(_whole)),
        _coco,
    ),
    Parser("LVIS: annotations", jsons(_instances(coco_url="http://images.cocodataset.org/train2017/1.png")), _lvis),
    Parser("run lengths and polygons", st.tuples(_outlines, _sizes), _run_lengths, refusals=(BrokenOutlineError,)),
    Parser(
        "Open Images: three CSV files",
        st.tuples(
            texts("/m/dog,Dog\n/m/cat,Cat\n"), st.just((OUTLINES + ROW).encode()), st.just((BOXES + BOX).encode())
        )
        | st.tuples(st.just(b"/m/dog,Dog\n"), texts(OUTLINES + ROW * 2), st.just((BOXES + BOX).encode()))
        | st.tuples(st.just(b"/m/dog,Dog\n"), st.just((OUTLINES + ROW).encode()), texts(BOXES + BOX * 2)),
        _open_images,
    ),
    Parser(
        "Pascal VOC: XML and lists",
        st.tuples(st.just(b"one\n"), texts(XML) | texts(ENTITIES))
        | st.tuples(texts("one\none\n"), st.just(XML.encode())),
        _voc,
    ),
)
