"""Files that are there whole or not at all, whenever a program ends.

Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with whole(path) as beside:
    ...     _ = beside.write_text("all of it")
    ...     print(path.exists())
    False
    >>> path.read_text()
    'all of it'
"""

import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".tmp"
_HOST = re.sub(r"\W", "-", platform.node())
_WRITER = re.compile(rf"\.(?P<host>[\w-]*)\.(?P<process>\d+){re.escape(_SUFFIX)}$")
_DAY = 24 * 60 * 60


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or folder to, and renames it to `path` once all is written.

    Where an error ends the writing, what was written of it is deleted; one of the system that names no file, such as
    that of a full disk, names `path` then. What a killed process leaves is for `sweep`.

    Args:
        path: what is written; a file or folder of that name is replaced.
    """
    beside = path.with_name(f"{path.name}.{_HOST}.{os.getpid()}{_SUFFIX}")
    try:
        yield beside
        if path.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
    except BaseException as error:
        _delete(beside)
        if isinstance(error, OSError) and error.filename is None:  # as where a disk is full
            error.filename = str(path)
        raise


def sweep(folder: Path, name: str = "*") -> None:
    """Deletes what killed processes were writing with `whole` when they ended. Call it before writing.

    What a process writes that is alive stays. Of another machine's processes, which may share the folder, nothing is
    known: what they were writing goes once it has not changed for a day.

    Args:
        folder: where it is looked for, not in the folders within; need not be there.
        name: pattern of the names of the files or folders that were being written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> leftover = folder / "notes.txt.elsewhere.7.tmp"
        >>> leftover.touch()
        >>> os.utime(leftover, (0, 0))  # long ago
        >>> sweep(folder)
        >>> leftover.exists()
        False
    """
    for path in folder.glob(f"{name}.*{_SUFFIX}"):
        writer = _WRITER.search(path.name)
        if writer is not None and _is_abandoned(path, writer["host"], int(writer["process"])):
            _delete(path)


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if host == _HOST and os.name == "posix":
        # A number like this process's own was that of another before: this one has only begun.
        return process == os.getpid() or not _is_alive(process)
    try:
        return time.time() - path.stat().st_mtime > _DAY
    except FileNotFoundError:
        return False  # just renamed


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks, and does nothing; on other systems than POSIX it would end the process
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
