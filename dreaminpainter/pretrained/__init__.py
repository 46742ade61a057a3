"""The models that come with the package, a folder each, in diffusers' layout."""

from pathlib import Path

CRITTERS = "critters"
"""The name of the model in the box."""


def packaged(name: str) -> str:
    """The folder of the packaged model `name`; `name` as it is where there is none, for folders and hub names.

    Example:
        >>> packaged("somebody/something")
        'somebody/something'
    """
    folder = Path(__file__).parent / name
    return str(folder) if name and not Path(name).exists() and folder.is_dir() else name
