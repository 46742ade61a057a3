"""The contents of picture files, each decoded once however many objects it shows."""

from functools import lru_cache
from pathlib import Path

from dreaminpainter.data.sources.base import PictureFile, content_hash
from dreaminpainter.data.sources.files import read_picture, required


def content_of_file(picture: PictureFile, layout: str) -> str:
    """The `content_hash` of a picture file as its instances show it. It is remembered until the file changes.

    Args:
        picture: the file.
        layout: a clause that says which files to fetch, for messages.

    Raises:
        MissingFileError: there is no such file.
        InputError: it cannot be read.
    """
    state = required(picture.path, layout).stat()
    return _hash(str(picture.path), picture.upright, (state.st_mtime_ns, state.st_size))


# About as many as the largest data set has pictures; a hash and its key take half a kilobyte.
@lru_cache(maxsize=2**20)
def _hash(path: str, upright: bool, state: tuple[int, int]) -> str:
    """The hash; `state` tells a file that was changed from the one that is remembered."""
    return content_hash(read_picture(Path(path), "", upright=upright))
