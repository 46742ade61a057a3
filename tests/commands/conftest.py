from pathlib import Path

import pytest
from inpainting import ellipse, noise
from tiny_run import fitted


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny run of two steps; tests read it only."""
    folder = tmp_path_factory.mktemp("run")
    fitted(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(run_folder: Path) -> str:
    return str(run_folder / "checkpoints" / "last.ckpt")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A portrait of 61 x 87 with its mask, and a reference that is cut out by its alpha."""
    monkeypatch.chdir(tmp_path)
    noise((61, 87)).save("scene.png")
    ellipse((61, 87), (10, 20, 45, 70)).save("mask.png")
    reference = noise((50, 40), seed=1)
    reference.putalpha(ellipse((50, 40), (5, 5, 40, 35)))
    reference.save("reference.png")
    return {"image": "scene.png", "mask_image": "mask.png", "reference_image": "reference.png"}
