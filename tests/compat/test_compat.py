"""What earlier versions wrote still loads, fills, and goes on."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from compat.keep import HERE, KINDS, fill
from PIL import Image

from dreaminpainter.cli import main

VERSIONS = sorted(path.parent.name for path in HERE.glob("*/written.zip"))
ROOT = HERE.parents[1]


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with `last.ckpt`, `export/`, `config.yaml` and `filled.png` of a version."""
    folder = HERE / request.param
    with ZipFile(folder / "written.zip") as archive:
        archive.extractall(tmp_path)
    for name in ("config.yaml", "filled.png"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_an_earlier_version_fills_with_the_same_pixels(kept: Path, kind: str) -> None:
    now, then = (np.asarray(one, np.int16) for one in (fill(str(kept / kind)), Image.open(kept / "filled.png")))
    assert now.shape == then.shape
    assert np.abs(now - then).max() <= 2, "another machine may round a level differently"


def test_a_run_of_an_earlier_version_goes_on_with_its_own_config(kept: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(ROOT)  # the config names its networks from here
    run = kept / "run"
    (run / "checkpoints").mkdir(parents=True)
    (kept / "last.ckpt").rename(run / "checkpoints" / "last.ckpt")
    before = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    changed = {"trainer.default_root_dir": run, "trainer.max_steps": 3, "trainer.logger": "false"}
    words = [word for name, value in changed.items() for word in (f"--{name}", str(value))]
    assert main(["fit", "--config", str(kept / "config.yaml"), *words]) == 0
    assert f"going on from step {before['global_step']}" in capsys.readouterr().err
    after = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert (before["global_step"], after["global_step"]) == (2, 3)
    assert after["state_dict"].keys() == before["state_dict"].keys()


def test_the_code_in_an_export_is_not_run_where_this_package_is(kept: Path) -> None:
    code = list((kept / "export").rglob("*.py"))
    assert code
    for path in code:
        path.write_text("raise SystemExit('an export ran its code')")
    assert fill(str(kept / "export"))
