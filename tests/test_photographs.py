"""The whole way on real photographs: train on COCO, validate, fill."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_run import BACKBONE, QUIET, flags

from dreaminpainter.cli import main
from dreaminpainter.data.sources import CocoSource
from dreaminpainter.pictures import mask_to_tensor
from dreaminpainter.visualization import to_image

SETTINGS = {
    "data.captioner": "ClassNameCaptioner",  # half of the test photographs came without captions
    "data.height": 64,
    "data.width": 96,
    "data.reference_size": 64,
    "data.batch_size": 2,
    "data.num_workers": 0,
    "data.validation_samples": 4,
    "model.gradient_checkpointing": "false",
    "model.text_dropout": 0.1,
    "trainer.precision": "32",
    "trainer.max_steps": 20,
    "trainer.accumulate_grad_batches": 1,
    "trainer.log_every_n_steps": 5,
}


@pytest.fixture(scope="module")
def trained(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of a run of 20 steps on the photographs of COCO, which has been done."""
    folder = tmp_path_factory.mktemp("coco")
    root = {f"data.{split}.coco.init_args.root": test_data / "coco" for split in ("train", "validation")}
    layers = ["--config", "configs/sd15.yaml", "--config", "configs/data/coco.yaml"]
    where = {"trainer.default_root_dir": folder}
    settings = [*layers, *flags(BACKBONE | QUIET | SETTINGS | root | where)]
    assert main(["fit", *settings]) == 0
    return settings


@pytest.fixture
def checkpoint(trained: list[str]) -> Path:
    path = Path(trained[trained.index("--trainer.default_root_dir") + 1]) / "checkpoints" / "last.ckpt"
    assert torch.load(path, weights_only=True)["global_step"] == 20
    return path


def test_validation_of_photographs_gives_both_losses(trained, checkpoint, capsys) -> None:
    assert main(["validate", *trained, "--ckpt_path", str(checkpoint)]) == 0
    printed = capsys.readouterr().out
    for objective in ("main", "regularization"):
        (line,) = [line for line in printed.splitlines() if f"val/loss_{objective}" in line]
        assert 0 < float(line.split("│")[2]) < 10


def fill(checkpoint: Path, folder: Path, **pictures: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scene, mask and fill."""
    settings = pictures | {"checkpoint": checkpoint, "output": folder / "filled.png", "device": "cpu"}
    more = {"prompt": "a photo of a dog", "num_inference_steps": 2, "explain": folder / "tokens.png"}
    assert main(["inpaint", *flags(settings | more)]) == 0
    files = (pictures["image"], pictures["mask_image"], folder / "filled.png")
    return tuple(np.asarray(Image.open(file)) for file in files)  # type: ignore[return-value]


def assert_only_the_hole_changed(scene: np.ndarray, mask: np.ndarray, filled: np.ndarray) -> None:
    assert filled.shape == scene.shape
    assert np.array_equal(filled[mask < 128], scene[mask < 128])
    assert (filled[mask >= 128] != scene[mask >= 128]).any(1).mean() > 0.5


def save_mask(mask: torch.Tensor, path: Path) -> Path:
    to_image(mask.expand(3, -1, -1).float()).convert("L").save(path)
    assert torch.equal(mask_to_tensor(Image.open(path)), mask)
    return path


@pytest.fixture
def scene(test_data: Path, tmp_path: Path) -> dict[str, Path]:
    """A photograph of COCO, and the outline of one of its objects."""
    instance = CocoSource(str(test_data / "coco"), "val2017")[0]
    to_image(instance.image / 255).save(tmp_path / "scene.png")
    return {"image": tmp_path / "scene.png", "mask_image": save_mask(instance.mask, tmp_path / "mask.png")}


def test_another_photographs_object_fills_the_hole(checkpoint, scene, test_data, tmp_path, capsys) -> None:
    subject = CocoSource(str(test_data / "coco"), "train2017")[3]
    to_image(subject.image / 255).save(tmp_path / "subject.png")
    outline = save_mask(subject.mask, tmp_path / "outline.png")
    pictures = scene | {"reference_image": tmp_path / "subject.png", "reference_mask": outline}
    assert_only_the_hole_changed(*fill(checkpoint, tmp_path, **pictures))
    assert "taken as the subject" not in capsys.readouterr().err


def test_a_dreambooth_photograph_fills_the_hole(checkpoint, scene, test_data, tmp_path, capsys) -> None:
    photographs = sorted((test_data / "dreambooth" / "dataset").rglob("*.jpg"))
    assert photographs
    assert_only_the_hole_changed(*fill(checkpoint, tmp_path, **scene, reference_image=photographs[0]))
    assert "the whole picture is taken as the subject" in capsys.readouterr().err
    assert (tmp_path / "tokens.png").is_file()
