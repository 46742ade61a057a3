"""What is fetched from the hub, with a stand-in for the network alone."""

import shutil

import pytest

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
    assert pipeline.adapter.config.image_size == [64, 64]
    assert not list((tmp_path / "cache").rglob("*.py"))


@pytest.mark.parametrize("name", ["somebody/nothing", "runs/no/such/folder"])
def test_what_is_neither_a_folder_nor_on_the_hub_is_named(name) -> None:
    with pytest.raises(MissingFileError, match=f"'{name}' is neither a folder nor to be had on the hub"):
        DreamInpainterPipeline.from_pretrained(name)
