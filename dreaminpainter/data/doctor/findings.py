"""What the doctor finds: how bad it is, what it is about, and what to do.

Example:
    >>> found = Finding("warning", "areas", "train/coco: 2 objects are tiny (7, 9). Raise min_area.", ["7", "9"])
    >>> some(found.ids)
    '7, 9'
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""The worst first: training would stop or learn something wrong; it may; good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        level: "error" where training would stop or learn something wrong, "warning" where it may, "note" for what is
            good to know.
        check: which check found it, in a word.
        message: names the source or file, the value and the fix.
        ids: of the objects that it is about; empty where it is about none in particular.
        part: the source that it is about, as SPLIT/NAME; empty where it is about several.
    """

    level: Level
    check: str
    message: str
    ids: list[str] = field(default_factory=list)
    part: str = ""


def some(texts: Sequence[str], most: int = 5) -> str:
    """The first few of many, and how many more there are.

    Example:
        >>> some(["1", "2", "3"], most=2)
        '1, 2 and 1 more'
    """
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")
