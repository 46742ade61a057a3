from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from dreaminpainter.cli import main


@pytest.fixture
def hub(monkeypatch):
    """Stands in for the network: remembers what huggingface_hub was asked to make and to upload."""
    asked: list[tuple] = []

    def create_repo(repo, exist_ok):
        asked.append(("create", repo, exist_ok))
        return SimpleNamespace(repo_id=f"me/{repo}" if "/" not in repo else repo)

    def upload_folder(repo_id, folder_path, commit_message):
        files = sorted(path.relative_to(folder_path).as_posix() for path in Path(folder_path).rglob("*.*"))
        asked.append(("upload", repo_id, files))
        return f"https://huggingface.co/{repo_id}/tree/main"

    monkeypatch.setattr("huggingface_hub.create_repo", create_repo)
    monkeypatch.setattr("huggingface_hub.upload_folder", upload_folder)
    return asked


def test_it_tells_what_it_wrote_and_inpaint_takes_it(checkpoint, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", checkpoint, "mine", "--license", "apache-2.0"]) == 0
    told = capsys.readouterr().out
    assert f"reading: {checkpoint}" in told and "exported: mine" in told
    for path in Path("mine").rglob("*.*"):
        assert path.relative_to("mine").as_posix() in told
    Image.new("RGB", (40, 30), "green").save("scene.png")
    Image.new("L", (40, 30), "white").save("mask.png")
    given = ["--image", "scene.png", "--mask_image", "mask.png", "--reference_image", "scene.png", "--prompt", "a hat"]
    assert main(["inpaint", "--checkpoint", "mine", "--num_inference_steps", "1", *given]) == 0
    assert Path("filled.png").is_file()


def test_the_whole_folder_is_uploaded(checkpoint, tmp_path, hub, capsys) -> None:
    assert main(["export", checkpoint, str(tmp_path / "mine"), "--push_to_hub", "mine"]) == 0
    (_, made, exist_ok), (_, uploaded_to, files) = hub
    assert (made, exist_ok, uploaded_to) == ("mine", True, "me/mine")
    assert {"README.md", "model_index.json", "unet/diffusion_pytorch_model.safetensors"} <= set(files)
    assert any(name.startswith("adapter/adapter_") and name.endswith(".py") for name in files)
    assert "uploaded: https://huggingface.co/me/mine" in capsys.readouterr().out


def test_nothing_is_uploaded_unasked(checkpoint, tmp_path, hub) -> None:
    assert main(["export", checkpoint, str(tmp_path / "mine")]) == 0
    assert hub == []


def test_an_upload_that_fails_says_so_and_leaves_the_export(checkpoint, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "none")
    assert main(["export", checkpoint, str(tmp_path / "mine"), "--push_to_hub", "me/mine"]) == 2
    told = capsys.readouterr().err
    assert "error: The upload to 'me/mine' failed" in told and "hf auth login" in told and "Traceback" not in told
    assert (tmp_path / "mine" / "model_index.json").is_file()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["gone.ckpt", "out"], ["gone.ckpt", "last.ckpt"]),
        ([".", "out"], ["The folder . is no saved pipeline", "model_index.json"]),
        (["text.txt", "out"], ["text.txt", "Name a file that training wrote"]),
        (["critters", "text.txt"], ["text.txt is a file", "Name another one"]),
        (["critters", "full"], ["full is neither empty nor an earlier export", "notes.txt"]),
        (["critters", "out", "--figures", "gone.md"], ["figures=gone.md", "Markdown"]),
    ],
    ids=" ".join,
)
def test_what_cannot_be_exported_is_told_with_the_fix(given, told, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("a text")
    Path("full").mkdir()
    Path("full", "notes.txt").write_text("kept")
    assert main(["export", *given]) == 2
    error = capsys.readouterr().err.rpartition("error: ")[2]
    assert all(part in error for part in told), error
    assert not Path("out").exists()
