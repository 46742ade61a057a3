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
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".tmp"
_HOST = re.sub(r"\W", "-", platform.node())
_WRITER = re.compile(rf"\.(?P<host>[\w-]*)\.(?P<process>\d+)(?P<old>\.old)?{re.escape(_SUFFIX)}$")
_DAY = 24 * 60 * 60


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or folder to, and renames it to `path` once all is written.

    Where an error ends the writing, what was written of it is deleted; one of the system that names no file, such as
    that of a full disk, names `path` then. What a killed process leaves is for `sweep`.

    Args:
        path: what is written; a file or folder of that name is replaced. A folder cannot be replaced at once, so it is
            renamed before and deleted after; between the two there is none, and `sweep` puts the old one back.
    """
    beside, old = (path.with_name(f"{path.name}.{_HOST}.{os.getpid()}{kind}{_SUFFIX}") for kind in ("", ".old"))
    try:
        yield beside
        if path.is_dir() or (beside.is_dir() and path.exists()):
            path.replace(old)
        beside.replace(path)
        _delete(old)
    except BaseException as error:
        if old.exists() and not path.exists():
            old.replace(path)
        _delete(beside)
        if isinstance(error, OSError) and error.filename is None:  # as where a disk is full
            error.filename = str(path)
        raise


def sweep(folder: Path, name: str = "*") -> None:
    """Deletes what killed processes were writing with `whole` when they ended, and puts back what they were replacing.

    Call it before writing, and before reading a folder that may have been replaced. What a process writes that is alive
    stays. Of another machine's processes, which may share the folder, nothing is known: what they were writing goes
    once it has not changed for a day. Several processes may sweep at once.

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
        if writer is None:
            continue
        host, process = writer["host"], int(writer["process"])
        place = path.with_name(path.name[: writer.start()])
        if writer["old"] and not place.exists():
            if not (_is_here(host) and _is_alive(process)):  # nor is a day waited: without it a run begins anew
                with suppress(FileNotFoundError):  # another process has just put it back
                    path.replace(place)
        elif _is_abandoned(path, host, process):
            _delete(path)


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if _is_here(host):
        return not _is_alive(process)
    try:
        return time.time() - path.stat().st_mtime > _DAY
    except FileNotFoundError:
        return False  # just renamed


def _is_here(host: str) -> bool:
    """Whether it can be asked if a process lives."""
    return host == _HOST and os.name == "posix"


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False  # a number like this process's own was that of another before: this one has only begun
    try:
        os.kill(process, 0)  # asks, and does nothing; on other systems than POSIX it would end the process
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):  # another process sweeps as well
            shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
