"""What lies in a folder of somebody's own pictures."""

from pathlib import Path

from PIL import Image

from dreaminpainter.errors import InputError
from dreaminpainter.picture_modes import FORMATS

_SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}


def pictures_in(folder: Path) -> list[str]:
    """The picture files of a folder and the folders within it, relative to it, in order; hidden ones are passed over.

    Raises:
        InputError: there are none.
    """
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not files:
        raise InputError(f"There is no picture in {folder}. Put some there, as one of {', '.join(FORMATS)}.")
    return files


def captions_in(path: Path) -> list[str]:
    """The lines of a file of captions; none where there is no such file.

    Raises:
        InputError: it is no text in UTF-8.
    """
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"The captions {path} cannot be read as UTF-8 ({error}). Save them as plain text.") from error
    return [line.strip() for line in lines if line.strip()]
