"""What is fetched from the hub, with a stand-in for the network alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stalling_hub import stalling_hub

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.errors import MissingFileError
from dreaminpainter.exporting import export


def test_a_model_of_the_hub_is_loaded_without_its_code(tmp_path, monkeypatch) -> None:
    folder = export("critters", str(tmp_path / "exported"))
    asked = {}

    def snapshot_download(name, ignore_patterns, **settings):
        asked.update(settings, name=name)
        shutil.copytree(folder, tmp_path / "cache", ignore=shutil.ignore_patterns(*ignore_patterns))
        return str(tmp_path / "cache")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    pipeline = DreamInpainterPipeline.from_pretrained("somebody/mine", revision="v1")
    assert asked == {"name": "somebody/mine", "revision": "v1"}
    assert pipeline.adapter.config.image_size == [128, 128]
    assert not list((tmp_path / "cache").rglob("*.py"))


@pytest.mark.parametrize("name", ["somebody/nothing", "runs/no/such/folder"])
def test_what_is_neither_a_folder_nor_on_the_hub_is_named(name) -> None:
    with pytest.raises(MissingFileError, match=f"'{name}' is neither a folder nor to be had on the hub"):
        DreamInpainterPipeline.from_pretrained(name)


LOADS = """
import sys
from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.backbones import PretrainedBackbone
from dreaminpainter.errors import MissingFileError
try:
    {"pipeline": DreamInpainterPipeline.from_pretrained, "backbone": lambda name: PretrainedBackbone(name).parts()}[
        sys.argv[1]
    ]("somebody/mine")
except MissingFileError as error:
    sys.exit(f"refused: {error}")
print("loaded")
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pipeline", "backbone"])
def test_a_hub_that_hangs_half_way_is_told_and_gone_on_with(tmp_path: Path, kind: str) -> None:
    folder = Path(export("critters", str(tmp_path / "exported")))
    settings = {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HOME": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1"}
    with stalling_hub(folder, stalls="unet/diffusion_pytorch_model.safetensors") as hub:
        environment = os.environ | settings | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}

        def load() -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-c", LOADS, kind]
            return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=200)

        refused = load()
        assert refused.returncode == 1 and "refused: " in refused.stderr and "'somebody/mine'" in refused.stderr
        assert "Traceback" not in refused.stderr
        hub.going_on.set()
        assert "loaded" in load().stdout
