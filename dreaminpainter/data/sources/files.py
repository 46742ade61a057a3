"""What every source of files does with them: names that stay inside the root, and errors that say what to fetch."""

from pathlib import Path, PureWindowsPath

from torch import Tensor

from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.pictures import open_stored, to_tensor


def inside(folder: Path, name: str, told_by: object) -> Path:
    """The file `name` of `folder`.

    Args:
        folder: where it has to be.
        name: a relative path, as the data names it.
        told_by: the file that names it, for the message.

    Raises:
        InputError: the name leads out of the folder.
    """
    # Either system's separators, drives and roots count, whatever the system that this runs on.
    parts = PureWindowsPath(name)
    if parts.anchor or ".." in parts.parts:
        raise InputError(f"{told_by} names the file {name!r}, which lies outside {folder}. Correct the name.")
    return folder / name


def required(path: Path, layout: str) -> Path:
    """The path itself, where there is such a file or folder.

    Args:
        path: a file or folder.
        layout: a clause that says which files to fetch and how to lay them out.

    Raises:
        MissingFileError: there is none.
    """
    if not path.exists():
        raise MissingFileError(f"There is no {path}. {layout}.")
    return path


def read_picture(path: Path, layout: str, size: tuple[int, int] | None = None) -> Tensor:
    """(3, H, W) uint8 of a picture whose annotations count its pixels as they are stored.

    Args:
        path: the picture.
        layout: as for `required`.
        size: (width, height) that the annotations were made for; None where they do not say.

    Raises:
        MissingFileError: there is no such picture.
        InputError: it cannot be read, or has another size.
    """
    image = open_stored(required(path, layout), [])
    if size is not None and image.size != size:
        raise InputError(
            f"{path} is {image.width} x {image.height} pixels (width x height), but its annotations were made for "
            f"{size[0]} x {size[1]}. Put the original picture there, unturned and not resized."
        )
    return to_tensor(image)
