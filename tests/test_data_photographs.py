"""Real photographs all the way: prepared, captioned, examined, merged and trained on; all that there are."""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO
from tiny_blip import save_blip
from tiny_run import TINY, fitted

from dreaminpainter.cli import main
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.sources import Instance, SegmentationSource
from dreaminpainter.data.sources.base import PictureFile
from dreaminpainter.data.store import PreparedSource, prepare

COUNTS = {"coco": 47, "coco_val": 53, "voc": 40, "openimages": 40, "openimages_val": 9, "mine": 64}
"""Photographs of each source; COCO has two more, in which nothing is outlined but crowds."""

Decoder = Callable[[Instance], list[NDArray[np.bool_]]]
"""Reads the mask of an instance from its data set; several where each of them would be right."""


def folder_of_subjects(test_data: Path, root: Path) -> Path:
    """DreamBooth's photographs with a mask each; these came without, so a square in the middle stands in."""
    root.mkdir()
    for path in sorted((test_data / "dreambooth" / "dataset").glob("*/*.jpg")):
        name = f"{path.parent.name}-{path.stem}"
        shutil.copy(path, root / f"{name}.jpg")
        with Image.open(path) as image:
            mask = np.zeros((image.height, image.width), np.uint8)
        mask[mask.shape[0] // 4 : -mask.shape[0] // 4, mask.shape[1] // 4 : -mask.shape[1] // 4] = 255
        Image.fromarray(mask).save(root / f"{name}_mask.png", compress_level=1)
    return root


@pytest.fixture(scope="module")
def prepared(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedSource]:
    """Every object of every source, whatever its size, by the command."""
    folder = tmp_path_factory.mktemp("prepared")
    sources = {
        "coco": ["sources/coco", "--source.root", test_data / "coco"],
        "coco_val": ["sources/coco", "--source.root", test_data / "coco", "--source.split", "val2017"],
        "voc": ["sources/voc", "--source.root", test_data / "voc", "--source.split", "trainval"],
        "openimages": ["sources/openimages", "--source.root", test_data / "openimages"],
        "openimages_val": [
            *("sources/openimages", "--source.root", test_data / "openimages", "--source.split", "validation")
        ],
        "mine": ["FolderSource", "--source.root", folder_of_subjects(test_data, folder / "subjects")],
    }
    of_any_size = ["--source.keep", "ObjectFilter", "--source.keep.min_area", "0", "--source.keep.max_area", "1"]
    for name, settings in sources.items():
        words = [*map(str, settings), *of_any_size, "--output", str(folder / name), "--num_workers", "2"]
        assert main(["prepare", *words]) == 0, name
    return {name: PreparedSource(str(folder / name)) for name in sources}


def by_pycocotools(annotations: Path) -> Decoder:
    official = COCO(annotations)
    return lambda one: [official.annToMask(official.anns[int(one.id)]).astype(bool)]


def by_voc_numbers(folder: Path) -> Decoder:
    def masks(one: Instance) -> list[NDArray[np.bool_]]:
        picture, _, number = one.id.rpartition("_")
        with Image.open(folder / f"{picture}.png") as numbers:
            return [np.array(numbers) == int(number)]

    return masks


def by_open_images_masks(folder: Path) -> Decoder:
    """Of masks of another size than their picture, each pixel of the picture takes the nearest one."""

    def masks(one: Instance) -> list[NDArray[np.bool_]]:
        with Image.open(folder / f"{one.id}.png") as stored:
            small = np.array(stored.convert("L")) >= 128
        sizes = zip(one.image.shape[1:], small.shape, strict=True)
        rows, columns = (nearest(size, own) for size, own in sizes)
        return [small[np.ix_(*places)] for places in product(rows, columns)]

    return masks


def nearest(size: int, own: int) -> list[NDArray[np.int64]]:
    """The place along a side of `own` pixels that is nearest to each of `size`; of two equally near, first and last."""
    middles = (2 * np.arange(size) + 1) * own
    return [(middles - 1) // (2 * size), middles // (2 * size)]


def by_the_middle(one: Instance) -> list[NDArray[np.bool_]]:
    height, width = one.image.shape[1:]
    y, x = np.ogrid[:height, :width]
    inside = (y >= height // 4) & (y < height - -(-height // 4)) & (x >= width // 4) & (x < width - -(-width // 4))
    return [inside]


def test_every_photograph_is_prepared_and_every_mask_is_that_of_an_independent_decoding(
    test_data: Path, prepared: dict[str, PreparedSource]
) -> None:
    decoders = {
        "coco": by_pycocotools(test_data / "coco" / "annotations" / "instances_train2017.json"),
        "coco_val": by_pycocotools(test_data / "coco" / "annotations" / "instances_val2017.json"),
        "voc": by_voc_numbers(test_data / "voc" / "VOCdevkit" / "VOC2012" / "SegmentationObject"),
        "openimages": by_open_images_masks(test_data / "openimages" / "masks" / "train"),
        "openimages_val": by_open_images_masks(test_data / "openimages" / "masks" / "validation"),
        "mine": by_the_middle,
    }
    for name, source in prepared.items():
        assert len(set(source.contents())) == COUNTS[name], name
        assert source.manifest.damaged == 0 and set(source.manifest.left_out) <= {"crowd"}
        for instance in source:
            mask = instance.mask[0].numpy()
            assert any(np.array_equal(mask, right) for right in decoders[name](instance)), (name, instance.id)
    assert sum(map(len, prepared.values())) > 1500


class Largest(SegmentationSource):
    """The largest object of each picture of prepared data."""

    name = "largest"

    def __init__(self, root: str) -> None:
        self.root = root
        self.source = PreparedSource(root)
        areas = self.source.rows["area"]
        largest = {self.source.content_of(index): index for index in np.argsort(areas, kind="stable").tolist()}
        self.indices = sorted(largest.values())

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Instance:
        return self.source[self.indices[index]]

    def id_of(self, index: int) -> str:
        return self.source.id_of(self.indices[index])

    def picture_of(self, index: int) -> PictureFile | None:
        return self.source.picture_of(self.indices[index])


def test_photographs_go_all_the_way(prepared: dict[str, PreparedSource], tmp_path: Path, capsys) -> None:
    blip = save_blip(tmp_path / "blip")
    for name, everything in prepared.items():
        folder = str(tmp_path / name)
        assert prepare(Largest(everything.root), Path(folder), num_workers=2).kept == COUNTS[name]
        captioning = ["--captioner.model", blip, "--captioner.num_beams", "1", "--captioner.max_new_tokens", "4"]
        assert main(["caption", folder, *captioning, "--num_workers", "0", "--accelerator", "cpu"]) == 0, name
        captions = PreparedSource(folder).captions
        assert len(captions.ids("picture")) == len(captions.ids("object")) == COUNTS[name], name
    capsys.readouterr()

    spec = {name: {"class_path": "PreparedSource", "init_args": {"root": str(tmp_path / name)}} for name in prepared}
    weights = {"coco": 3, "coco_val": 1, "voc": 1, "openimages": 1, "openimages_val": 1, "mine": 1}
    data = [
        *("--data.train", json.dumps(spec), "--data.validation", "null", "--data.test", "null"),
        *("--data.validation_share", "0.2", "--data.weights", json.dumps(weights)),
        *("--data.captioner", "StoredCaptioner", "--data.samples_per_epoch", "24"),
    ]
    report = tmp_path / "report"
    pairs = pairwise(TINY)
    sizes = [
        word for name, value in pairs if name.startswith("--data.") and "critters" not in name for word in (name, value)
    ]
    settings = [*sizes, *data, "--output", str(report), "--num_workers", "0", "--samples", "20"]
    code = main(["doctor", "quickstart", *settings])
    told = json.loads((report / "report.json").read_text())
    assert code == 0, [one for one in told["findings"] if one["level"] == "error"]
    assert (report / "report.html").stat().st_size > 100_000

    checkpoint = fitted(tmp_path / "run", *data, steps=3)
    assert checkpoint["global_step"] == 3
    assert all(torch.isfinite(weight).all() for weight in checkpoint["state_dict"].values())


def test_no_photograph_of_the_merged_sets_is_on_both_sides(test_data: Path, tmp_path: Path) -> None:
    for name in ("coco", "voc"):
        settings = [f"sources/{name}", "--source.root", str(test_data / name), "--output", str(tmp_path / name)]
        assert main(["prepare", *settings, "--num_workers", "0"]) == 0
    train = {name: PreparedSource(str(tmp_path / name)) for name in ("coco", "voc")}
    shared = set(train["coco"].contents()) & set(train["voc"].contents())
    assert shared, "VOC's test photographs are some of COCO's"
    data = InpaintingDataModule(train=train, validation_share=0.3)
    sides = [set().union(*(set(side.contents()) for side in part.values())) for part in (data.train, data.validation)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]
    assert shared & sides[0] and shared & sides[1]
