"""The contents of picture files, each decoded once however many objects it shows."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from dreaminpainter.data.sources.base import Instance, PictureFile, content_hash
from dreaminpainter.data.sources.files import read_picture, required
from dreaminpainter.pictures import open_stored, to_tensor

_Role = Literal["scene", "reference"]


def content_of_file(picture: PictureFile, layout: str, role: _Role = "scene") -> str:
    """The `content_hash` of a picture file, of its pixels as they are stored. It is remembered until the file changes.

    Cameras turn pictures by a note in the file, which some sources follow and others must not. The hash does not, so
    that the picture is the same in all of them.

    Args:
        picture: the file.
        layout: a clause that says which files to fetch, for messages.
        role: what the picture is for; some kinds are refused as scene alone.

    Raises:
        MissingFileError: there is no such file.
        InputError: it cannot be read.
    """
    state = required(picture.path, layout).stat()
    return _hash(str(picture.path), (state.st_mtime_ns, state.st_size), role)


def content_shown(instance: Instance, picture: PictureFile | None) -> str:
    """The same hash of an instance that was read, from its own pixels where they are those that are stored.

    Args:
        instance: what was read.
        picture: its file; None where there is none.

    Raises:
        MissingFileError: the file is not there any more.
        InputError: it cannot be read any more.
    """
    if picture is not None and picture.upright:
        return content_of_file(picture, "Put it back")
    return content_hash(instance.image)


# About as many as the largest data set has pictures; a hash and its key take half a kilobyte.
@lru_cache(maxsize=2**20)
def _hash(path: str, state: tuple[int, int], role: _Role) -> str:
    """The hash; `state` tells a file that was changed from the one that is remembered."""
    if role == "reference":
        return content_hash(to_tensor(open_stored(path, [], role)))
    return content_hash(read_picture(Path(path), ""))
