"""Names of files as strangers give them."""

from pathlib import PureWindowsPath


def is_inside(name: str) -> bool:
    """Whether a name that data or a checkpoint gives to a file stays within its folder.

    Example:
        >>> is_inside("train/dog.jpg"), is_inside("../dog.jpg"), is_inside("C:dog.jpg")
        (True, False, False)
    """
    # Either system's separators, drives and roots count, whatever the system that this runs on.
    parts = PureWindowsPath(name)
    return not parts.anchor and ".." not in parts.parts
