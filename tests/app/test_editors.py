"""What the page's editors hand over to be decoded."""

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.components.image_editor import EditorData, EditorDataBlobs
from gradio.data_classes import FileData
from inpainting import noise
from PIL import Image, UnidentifiedImageError

from dreaminpainter.app.editors import UPLOAD, paint_editor


@pytest.fixture
def editor() -> gr.ImageEditor:
    return paint_editor(100, (), "scene")


def as_file(path: Path) -> FileData:
    return FileData(path=str(path))


def value(editor: gr.ImageEditor, how: str, **paths: Path) -> EditorData:
    """An editor's value, as files or as bytes that a browser has sent ahead."""
    if how == "files":
        layers = [as_file(paths["layer"])] if "layer" in paths else []
        return EditorData(background=as_file(paths["background"]), layers=layers, composite=None)
    layers = [paths["layer"].read_bytes()] if "layer" in paths else []
    blobs = EditorDataBlobs(background=paths["background"].read_bytes(), layers=[None, *layers], composite=None)
    editor.blob_storage["one"] = blobs
    return EditorData(id="one")


@pytest.mark.parametrize("how", ["files", "bytes"])
@pytest.mark.parametrize("side", [9_500, 13_500])  # above Pillow's limit, and above twice that
@pytest.mark.parametrize("part", ["background", "layer"])
def test_a_picture_too_large_is_refused_before_it_is_decoded(editor, tmp_path, monkeypatch, how, side, part) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    noise((20, 10)).save(small)
    Image.new("1", (side, side)).save(large)

    def decoded(*_: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "convert", decoded)
    with pytest.raises(gr.Error, match=r"more pixels than Pillow's limit.*make it smaller"):
        editor.preprocess(value(editor, how, **({"background": small} | {part: large})))
    assert not editor.blob_storage, "nobody asks for it again"


@pytest.mark.parametrize("how", ["files", "bytes"])
def test_other_pictures_are_decoded_as_gradio_does(editor, tmp_path, how) -> None:
    noise((20, 10)).save(tmp_path / "scene.png")
    seen = editor.preprocess(value(editor, how, background=tmp_path / "scene.png"))
    assert seen["background"].convert("RGB").tobytes() == noise((20, 10)).tobytes() and seen["layers"] == []
    (tmp_path / "scene.png").write_text("no picture")
    with pytest.raises(UnidentifiedImageError):
        editor.preprocess(value(editor, how, background=tmp_path / "scene.png"))
    assert editor.preprocess(None) is None
    assert editor.preprocess(EditorData(id="unknown"))["background"] is None


def test_an_empty_editor_tells_what_it_takes(editor) -> None:
    assert "PNG, JPEG or WebP" in UPLOAD and "16 bits a channel become 8" in editor.get_config()["placeholder"]


def test_all_that_decodes_what_was_painted_stands_in_a_queue(server) -> None:
    deciding = [fn for fn in server.page.fns.values() if any(isinstance(one, gr.ImageEditor) for one in fn.inputs)]
    assert len(deciding) == 3, "fill, compare and box"
    assert all(fn.queue and fn.concurrency_limit == 1 for fn in deciding)
