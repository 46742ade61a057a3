import contextlib
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image
from tiny_run import TINY, fitted, flags

from dreaminpainter.cli import main
from dreaminpainter.data.store import PreparedSource


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Five pictures with masks, one of them broken."""
    root = tmp_path / "pictures"
    root.mkdir()
    for number in range(5):
        pixels = np.full((48, 64, 3), 40 * number, np.uint8)
        pixels[10:30, 20:50] = (200, 60, 10 * number)
        mask = np.zeros((48, 64), np.uint8)
        mask[10:30, 20:50] = 255
        Image.fromarray(pixels).save(root / f"{number}.png")
        Image.fromarray(mask).save(root / f"{number}_mask.png")
        (root / f"{number}.txt").write_text(f"thing number {number}")
    (root / "4.png").write_bytes(b"no picture")
    return root


def prepare(output: Path, *more: object) -> int:
    return main(["prepare", *map(str, more), "--output", str(output), "--num_workers", "0"])


def test_a_folder_is_prepared_and_what_was_left_out_is_told(pictures: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    settings = ["FolderSource", "--source.root", pictures, "--source.class_name", "thing"]
    assert prepare(out, *settings) == 2
    assert "1 of 5 objects are broken" in capsys.readouterr().err
    assert prepare(out, *settings, "--max_damaged", 0.2, "--parquet", "true") == 0
    printed = capsys.readouterr().out
    assert "4 objects" in printed and "unreadable" in printed
    source = PreparedSource(str(out))
    assert sorted(instance.captions[0] for instance in source) == [f"thing number {number}" for number in range(4)]
    assert {instance.class_name for instance in source} == {"thing"}
    assert [one.reason for one in source.left_out] == ["unreadable"] and "4.png" in source.left_out[0].damage
    (file,) = (out / "parquet").iterdir()
    assert pq.read_table(file).num_rows == 4


def test_a_config_of_ones_own_is_layered_under_flags(pictures: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    said = {"class_path": "FolderSource", "init_args": {"root": "nowhere", "class_name": "cup"}}
    config.write_text(yaml.safe_dump(said))
    assert prepare(tmp_path / "out", config, "--source.root", pictures, "--max_damaged", 1) == 0
    assert PreparedSource(str(tmp_path / "out"))[0].class_name == "cup"


@pytest.mark.parametrize(
    ("source", "told"),
    [("NoSource", "NoSource"), ("no/such/config", "There is no config 'no/such/config'"), ("CocoSource", "root")],
)
def test_what_cannot_be_understood_is_named(source: str, told: str, tmp_path: Path, capsys) -> None:
    assert prepare(tmp_path / "out", source) == 2
    assert told in capsys.readouterr().err


def test_an_upload_without_a_network_says_so(pictures: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "none")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    settings = ["FolderSource", "--source.root", pictures, "--max_damaged", 1, "--push_to_hub", "nobody/nothing"]
    assert prepare(tmp_path / "out", *settings) == 2
    assert "The upload to 'nobody/nothing' failed" in capsys.readouterr().err


def tiny_config(path: Path, *more: str) -> Path:
    """The smallest networks, as a config."""
    with pytest.raises(SystemExit), contextlib.redirect_stdout(StringIO()) as printed:
        main(["fit", *TINY, *more, "--print_config"])
    path.write_text(printed.getvalue())
    return path


@pytest.mark.filterwarnings("ignore:mine. 1 objects are broken")
def test_training_on_cached_latents_is_that_of_their_pictures(pictures: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    settings = ["FolderSource", "--source.root", pictures, "--max_damaged", 1, "--cache_latents"]
    assert prepare(out, *settings, tiny_config(tmp_path / "tiny.yaml"), "--variants", 2, "--device", "cpu") == 0
    assert "latents of 4 scenes, 2 references each" in capsys.readouterr().out
    spec = yaml.safe_dump({"mine": {"class_path": "PreparedSource", "init_args": {"root": str(out), "latents": True}}})
    data = ["--data.train", spec, "--data.validation", spec, "--data.test", "null"]
    steps = fitted(tmp_path / "run", *data)
    assert steps["global_step"] == 2

    other = ["--model.backbone.init_args.autoencoder", "critters"]
    assert main(["fit", *TINY, *data, *other, *flags({"trainer.default_root_dir": tmp_path / "other"})]) == 2
    assert "cached latents of 'mine' are of another autoencoder" in capsys.readouterr().err
    nine = ["--model.input_form", "NineChannel"]
    assert main(["fit", *TINY, *data, *nine, *flags({"trainer.default_root_dir": tmp_path / "nine"})]) == 2
    assert "cannot be cached for NineChannel" in capsys.readouterr().err
    assert torch.isfinite(next(iter(steps["state_dict"].values()))).all()
