"""The models that come with the package, a folder each, in diffusers' layout."""

from pathlib import Path

CRITTERS = "critters"
"""The name of the model in the box."""


def packaged(name: str) -> str:
    """The folder of the packaged model `name`; `name` as it is where there is none, for folders and hub names.

    A folder of one's own that has such a name is meant by a path: `./critters`.

    Example:
        >>> packaged("somebody/something"), packaged("./critters")
        ('somebody/something', './critters')
    """
    folder = Path(__file__).parent / name
    is_model = folder.parent == Path(__file__).parent and any(folder.rglob("config.json"))
    return str(folder) if is_model and not name.startswith(".") else name
