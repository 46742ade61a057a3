"""The page's two editors: Gradio's, which look at a picture's header before they decode it."""

from io import BytesIO
from typing import Any

import gradio as gr
from gradio.components.image_editor import EditorData
from gradio.data_classes import FileData
from PIL import Image

from dreaminpainter.app.inputs import KINDS, PAINT
from dreaminpainter.picture_modes import PICTURE_MODES

UPLOAD = f"Drop a picture here, or click\n{KINDS}\n16 bits a channel become 8"
"""What an editor says while it is empty."""


def paint_editor(height: int, transforms: tuple[Any, ...], name: str) -> gr.ImageEditor:
    """Where a picture is uploaded and painted on.

    Args:
        height: in pixels of the page.
        transforms: the tools beside the brush, by Gradio's names.
        name: its id on the page.
    """
    editor = gr.ImageEditor(
        show_label=False,
        type="pil",
        format="png",
        sources=["upload", "clipboard"],
        transforms=transforms,
        layers=False,
        brush=gr.Brush(colors=[(PAINT, 0.6)], color_mode="fixed"),
        buttons=["fullscreen"],
        height=height,
        placeholder=UPLOAD,
        elem_id=name,
    )
    decode = editor.preprocess

    def measured(payload: EditorData | None) -> Any:
        if payload is not None and any(_is_too_large(file) for file in _files(editor, payload)):
            editor.blob_storage.pop(payload.id or "", None)
            kind = PICTURE_MODES["large"]
            raise gr.Error(f"A picture cannot be used: {kind.name}; {kind.scene.how}.", print_exception=False)
        return decode(payload)

    # Put on the one editor, since Gradio writes a stub file beside the source of every class that is derived from its.
    editor.preprocess = measured  # type: ignore[method-assign]
    return editor


def _files(editor: gr.ImageEditor, payload: EditorData) -> list[FileData | bytes]:
    """What would be decoded: files, or the bytes that a browser has sent ahead."""
    held = payload if payload.id is None else editor.blob_storage.get(payload.id)
    return [] if held is None else [file for file in (held.background, *held.layers, held.composite) if file]


def _is_too_large(file: FileData | bytes) -> bool:
    try:
        with Image.open(file.path if isinstance(file, FileData) else BytesIO(file)) as picture:
            return picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or float("inf"))
    except Image.DecompressionBombError:  # of more than twice as many, Pillow does not tell the size
        return True
    except OSError:
        return False  # no picture, as the decoding will tell
