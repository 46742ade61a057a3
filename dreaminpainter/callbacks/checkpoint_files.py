"""Files of checkpoints: whole or not at all, and told apart from damaged ones."""

import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_warn

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.checkpoint_failures import writing_told
from dreaminpainter.checkpoints import read_checkpoint
from dreaminpainter.errors import InputError
from dreaminpainter.sharded_files import is_whole_folder


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints beside their place, and renames them once they are on the disk.

    Lightning's own writes into the system's temporary folder, which may be another disk; a process that is killed while
    the file is copied from there leaves half of it in the place of the one before. It also needs the memory for a copy.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "last.ckpt"
        >>> WholeFiles().save_checkpoint({"global_step": 3}, place)
        >>> is_whole(place)
        True
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Writes the file.

        Raises:
            WriteError: it cannot be written; what was there before is.
        """
        place = Path(path)
        with writing_told(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            sweep(place.parent, place.name)
            with whole(place) as beside, beside.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())

    def is_complete(self, path: Path) -> bool:
        """Whether all that is written for the checkpoint that is at `path` is."""
        return True


def is_whole(path: Path) -> bool:
    """Whether a checkpoint's file was written to its end and has not changed since, by its checksums.

    Of a folder of parts: whether all are there, as long as they have to be; they have no checksums.
    """
    if path.is_dir():
        return is_whole_folder(path)
    try:
        with ZipFile(path) as archive:
            return archive.testzip() is None
    except (BadZipFile, OSError):
        return False


def newest_whole(folder: Path) -> Path | None:
    """The newest checkpoint in `folder` that a run can go on from; None where there is none at all.

    Damaged ones are named in a warning, together with the one that is taken in their place.

    Raises:
        InputError: there are some, and all are damaged.
    """
    damaged: list[Path] = []
    newest = sorted(folder.glob("*.ckpt"), key=lambda path: (path.stat().st_mtime_ns, path.stem == "last"))
    for path in reversed(newest):
        if not is_whole(path):
            damaged.append(path)
        elif "loops" in read_checkpoint(str(path), weights=False):
            if damaged:
                rank_zero_warn(f"{_named(damaged)} damaged, so this run goes on from the one before, {path}.")
            return path
    if damaged:
        raise InputError(
            f"{_named(damaged)} damaged, and {folder} has no other checkpoint to go on from. Delete what is damaged to "
            "begin anew."
        )
    return None


def _named(damaged: list[Path]) -> str:
    return f"{' and '.join(map(str, damaged))} {'is' if len(damaged) == 1 else 'are'}"
