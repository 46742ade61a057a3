"""One picture has one content hash, whichever source shows it and however it is turned."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from dreaminpainter.data.segmenting.base import Segment, Segmenter
from dreaminpainter.data.sources import CocoSource, FolderSource, ObjectFilter, SegmentationSource, UnlabelledSource
from dreaminpainter.data.sources.base import content_hash
from dreaminpainter.data.store import PreparedSource, prepare
from dreaminpainter.pictures import open_stored, to_tensor

EVERYTHING = ObjectFilter(min_area=0, max_area=1)


class WholePicture(Segmenter):
    """Takes all of a picture for one object."""

    def class_names(self) -> list[str]:
        return ["thing"]

    def read(self) -> nn.Module:
        return nn.Linear(1, 1)

    def segment(self, network: nn.Module, images: Tensor) -> list[list[Segment]]:
        return [[Segment(torch.ones_like(image[:1], dtype=torch.bool), "thing", 1.0)] for image in images]


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    """A picture of 12 x 10 stored pixels that its camera wants to be seen as 10 x 12."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned" / "a.jpg"
    path.parent.mkdir()
    Image.radial_gradient("L").resize((12, 10)).convert("RGB").save(path, exif=exif)
    return path


def as_coco(picture: Path, root: Path) -> CocoSource:
    (root / "mine").mkdir(parents=True)
    (root / "annotations").mkdir()
    shutil.copy(picture, root / "mine")
    outline = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 8, 1, 8]]}
    annotations = {
        "images": [{"id": 1, "file_name": picture.name, "width": 12, "height": 10}],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [outline],
    }
    (root / "annotations" / "instances_mine.json").write_text(json.dumps(annotations))
    return CocoSource(str(root), "mine", EVERYTHING)


def as_folder(picture: Path, root: Path) -> FolderSource:
    root.mkdir()
    shutil.copy(picture, root)
    Image.new("L", (10, 12), 255).save(root / f"{picture.stem}_mask.png")
    return FolderSource(str(root))


def test_a_turned_picture_has_one_content_in_all_sources_prepared_or_not(turned: Path, tmp_path: Path) -> None:
    """Or a copy of it could be trained on in one source, and validated on in another."""
    sources: list[SegmentationSource] = [
        as_coco(turned, tmp_path / "coco"),
        as_folder(turned, tmp_path / "mine"),
        UnlabelledSource(str(turned.parent), WholePicture(), EVERYTHING),
    ]
    stored = content_hash(to_tensor(open_stored(turned, [])))
    shapes = set()
    for source in sources:
        prepare(source, tmp_path / "prepared" / source.name, num_workers=0)
        prepared = PreparedSource(str(tmp_path / "prepared" / source.name))
        assert source.content_of(0) == prepared.content_of(0) == stored, source.name
        shapes.add(tuple(prepared[0].image.shape))
    assert shapes == {(3, 10, 12), (3, 12, 10)}


def test_the_content_of_a_reference_is_its_pictures_own(turned: Path, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    as_folder(turned, root)
    Image.new("RGB", (12, 10), "red").save(root / "b.png")
    Image.new("L", (12, 10), 255).save(root / "b_mask.png")
    rows = ["image,mask,reference", "b.png,b_mask.png,a.jpg", "a.jpg,a_mask.png,"]
    (root / "metadata.csv").write_text("\n".join(rows))
    source = FolderSource(str(root))
    prepare(source, tmp_path / "prepared", num_workers=0)
    prepared = PreparedSource(str(tmp_path / "prepared"))
    for one in (source, prepared):
        contents = {one.id_of(index): one.content_of(index) for index in range(2)}
        references = {one.id_of(index): one.reference_contents()[index] for index in range(2)}
        assert references == {"b_mask": contents["a_mask"], "a_mask": None}
        assert [one.reference_content_of(index) for index in range(2)] == list(one.reference_contents())
