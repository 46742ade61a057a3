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
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".tmp"
"""Of what was being written when a program ended; it may be deleted."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or folder to, and renames it to `path` once all is written.

    Args:
        path: what is written; a file or folder of that name is replaced.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}{SUFFIX}")
    yield beside
    if path.is_dir():
        shutil.rmtree(path)
    beside.replace(path)
