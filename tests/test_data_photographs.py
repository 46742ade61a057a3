"""Real photographs all the way: prepared, captioned, examined, merged and trained on."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pycocotools.coco import COCO
from tiny_blip import save_blip
from tiny_run import TINY, fitted

from dreaminpainter.cli import main
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.store import PreparedSource


def folder_of_subjects(test_data: Path, root: Path) -> Path:
    """DreamBooth's photographs with a mask each; these came without, so a square in the middle stands in."""
    root.mkdir()
    for path in sorted((test_data / "dreambooth" / "dataset").glob("*/00.jpg")):
        image = Image.open(path).convert("RGB").resize((128, 128))
        mask = np.zeros((128, 128), np.uint8)
        mask[32:96, 32:96] = 255
        image.save(root / f"{path.parent.name}.png")
        Image.fromarray(mask).save(root / f"{path.parent.name}_mask.png")
    return root


def test_photographs_go_all_the_way(test_data: Path, tmp_path: Path, capsys) -> None:
    blip = save_blip(tmp_path / "blip")
    sources = {
        "coco": ["sources/coco", "--source.root", test_data / "coco"],
        "coco_val": ["sources/coco", "--source.root", test_data / "coco", "--source.split", "val2017"],
        "voc": ["sources/voc", "--source.root", test_data / "voc"],
        "openimages": ["sources/openimages", "--source.root", test_data / "openimages"],
        "mine": ["FolderSource", "--source.root", folder_of_subjects(test_data, tmp_path / "subjects")],
    }
    for name, settings in sources.items():
        folder = str(tmp_path / name)
        assert main(["prepare", *map(str, settings), "--output", folder, "--num_workers", "2"]) == 0, name
        captioning = ["--captioner.model", blip, "--captioner.num_beams", "1", "--captioner.max_new_tokens", "4"]
        assert main(["caption", folder, *captioning, "--num_workers", "0", "--accelerator", "cpu"]) == 0, name
        source = PreparedSource(folder)
        assert len(source) > 5, name
        for instance in source:
            assert {caption.of for caption in instance.written} == {"picture", "object"}, (name, instance.id)
    capsys.readouterr()

    official = COCO(test_data / "coco" / "annotations" / "instances_train2017.json")
    for instance in PreparedSource(str(tmp_path / "coco")):
        mask = official.annToMask(official.anns[int(instance.id)]).astype(bool)
        assert torch.equal(instance.mask[0], torch.from_numpy(mask)), instance.id

    spec = {name: {"class_path": "PreparedSource", "init_args": {"root": str(tmp_path / name)}} for name in sources}
    weights = {"coco": 3, "coco_val": 1, "voc": 1, "openimages": 1, "mine": 0}
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
