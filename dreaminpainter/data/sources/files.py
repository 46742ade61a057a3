"""What every source of files does with them: names that stay inside the root, and errors that say what to fetch."""

from functools import lru_cache
from pathlib import Path

from torch import Tensor

from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.paths import is_inside
from dreaminpainter.pictures import open_scene, open_stored, to_tensor


def inside(folder: Path, name: str, told_by: object) -> Path:
    """The file `name` of `folder`.

    Args:
        folder: where it has to be.
        name: a relative path, as the data names it.
        told_by: the file that names it, for the message.

    Raises:
        InputError: the name leads out of the folder.
    """
    if not is_inside(name):
        raise InputError(f"{told_by} names the file {name!r}, which lies outside {folder}. Correct the name.")
    return folder / name


def required(path: Path, layout: str) -> Path:
    """The path itself, where there is such a file or folder.

    Args:
        path: a file or folder.
        layout: a clause that says which files to fetch and how to lay them out.

    Raises:
        MissingFileError: there is none.
        InputError: nothing can be of that name.
    """
    try:
        is_there = path.exists()
    except OSError as error:  # such as a name that is too long
        raise InputError(f"{path} cannot be looked for: {error.strerror}. {layout}.") from error
    if not is_there:
        raise MissingFileError(f"There is no {path}. {layout}.")
    return path


def read_picture(path: Path, layout: str, size: tuple[int, int] | None = None, upright: bool = False) -> Tensor:
    """(3, H, W) uint8 of a picture. Not to be written into: the next object of the same picture gets it too.

    Args:
        path: the picture.
        layout: as for `required`.
        size: (width, height) that the annotations were made for; None where they do not say.
        upright: turn it as its EXIF orientation says; annotations mostly count the pixels as they are stored.

    Raises:
        MissingFileError: there is no such picture.
        InputError: it cannot be read, or has another size.
    """
    state = required(path, layout).stat()
    image = _decoded(path, upright, (state.st_mtime_ns, state.st_size))
    height, width = image.shape[1:]
    if size is not None and (width, height) != size:
        raise InputError(
            f"{path} is {width} x {height} pixels (width x height), but its annotations were made for "
            f"{size[0]} x {size[1]}. Put the original picture there, unturned and not resized."
        )
    return image


# Objects of one picture are often read one after the other.
@lru_cache(maxsize=2)
def _decoded(path: Path, upright: bool, state: tuple[int, int]) -> Tensor:
    """The picture; `state` tells a file that was changed from the one that is remembered."""
    return to_tensor(open_scene(path, []) if upright else open_stored(path, []))
