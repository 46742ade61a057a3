"""A trained model as a folder to give away: weights, code and model card."""

import glob
from pathlib import Path
from typing import Any

import torch

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.checkpoints import load_pipeline, read_checkpoint, trained_pipeline
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.model_card import model_card, with_header
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.portable import INDEX, PIPELINE, drop_code, is_code, read_index
from dreaminpainter.pretrained import packaged
from dreaminpainter.saving import OWN_CLASSES
from dreaminpainter.sharded_files import is_divided

CARD = "README.md"


def export(
    checkpoint: str,
    output: str,
    half: bool = False,
    figures: str | None = None,
    license: str | None = None,
) -> Path:
    """Writes a trained model into a folder that diffusers and this package load.

    Args:
        checkpoint: a training checkpoint, the small file beside one that was trained with LoRA, a saved folder, or the
            name of a packaged model. Of a checkpoint the averaged weights are taken, where it has them, and a LoRA is
            merged. A folder's own model card is kept.
        output: the folder, whole or not at all; an earlier export there is replaced.
        half: store the networks, but for the autoencoder, in half precision.
        figures: a Markdown file of what was measured, for the card.
        license: name of the licence of the weights, for the card.

    Returns:
        The folder.

    Raises:
        MissingFileError: the checkpoint or the figures are not there.
        InputError: the checkpoint is none, or the output is a file.
        SettingError: the output holds something else.

    Example:
        >>> import tempfile
        >>> folder = export("critters", f"{tempfile.mkdtemp()}/exported")
        >>> DreamInpainterPipeline.from_pretrained(folder).adapter.config.reference_size
        128
    """
    folder = _free(Path(output))
    measured = _read_figures(figures)
    source = Path(packaged(checkpoint))
    if (source.is_dir() and not is_divided(source)) or source.suffix == ".safetensors":
        pipeline, provenance = load_pipeline(checkpoint), {}
    else:
        read = read_checkpoint(checkpoint)
        pipeline, provenance = trained_pipeline(read), read.get("provenance", {})
    if (source / CARD).is_file():
        card = with_header((source / CARD).read_text(encoding="utf-8"), license)
        card += f"\n## Figures of this export\n\n{measured.strip()}\n" if measured else ""
    else:
        card = model_card(folder.name, dict(pipeline.adapter.config), provenance, measured, license)
    write_model(pipeline, folder, card, half)
    return folder


def write_model(
    pipeline: DreamInpainterPipeline, folder: Path, card: str | None, half: bool = False, with_code: bool = True
) -> None:
    """Writes a pipeline and its card, whole or not at all.

    Args:
        pipeline: what is written.
        folder: where to; what is there is replaced.
        card: text of the model card, if there is to be one.
        half: store the networks, but for the autoencoder, in half precision.
        with_code: put the code beside it, for places where this package is not.
    """
    if half:
        for part in (pipeline.unet, pipeline.adapter, pipeline.text_encoder):
            part.to(torch.float16)
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep(folder.parent, glob.escape(folder.name))
    with whole(folder) as beside:
        pipeline.save_pretrained(beside)
        if not with_code:
            drop_code(beside, OWN_CLASSES)
        if card is not None:
            (beside / CARD).write_text(card, encoding="utf-8")


def _free(folder: Path) -> Path:
    """The folder, if it can be written without losing anything but an earlier export."""
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and an export is a folder. Name another one.")
    if not folder.is_dir():
        return folder
    index = read_index(folder)
    known = {INDEX, CARD, *(part for part, value in index.items() if isinstance(value, list) and part[0] != "_")}
    strange = sorted(path.name for path in folder.iterdir() if path.name not in known and not is_code(path))
    if strange or (any(folder.iterdir()) and not _is_ours(index)):
        raise SettingError(
            f"{folder} is neither empty nor an earlier export alone{f': it holds {strange[0]}' if strange else ''}. "
            "Name another folder, or empty it."
        )
    return folder


def _is_ours(index: dict[str, Any]) -> bool:
    name = index.get("_class_name")
    return name == PIPELINE or (isinstance(name, list) and name[-1:] == [PIPELINE])


def _read_figures(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise MissingFileError(f"figures={path} cannot be read: {error}. Name a Markdown file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"figures={path} is no text: {error}. Name a Markdown file.") from error
