"""One input given to one parser, and what came of it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from hypothesis import strategies as st

from dreaminpainter.errors import InputError, MissingFileError, SettingError

REFUSALS: tuple[type[Exception], ...] = (InputError, MissingFileError, SettingError)
"""What a user can mend, and the only kinds of errors that an input may lead to."""
LONGEST = 30
"""Seconds after which an input counts as one that hangs."""


@dataclass(frozen=True)
class Parser:
    """Something that reads what others wrote.

    Args:
        name: as tables call it.
        inputs: what it is given.
        read: writes an input into an empty folder, and reads it as a user would.
        refusals: the errors that it may answer with.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Path, Any], object]
    refusals: tuple[type[Exception], ...] = REFUSALS


@dataclass
class Tally:
    """What came of the inputs of a parser: how many were read, refused by which error, and what the slowest took."""

    read: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        return self.read + sum(self.refused.values())


class HangError(Exception):
    """An input took longer than any may."""


def give(parser: Parser, content: Any, tally: Tally) -> None:
    """Gives a parser one input.

    Raises:
        HangError: it took longer than any may.
        Exception: whatever the parser raises that is none of its refusals.
    """
    start = perf_counter()
    with TemporaryDirectory() as folder, _limited():
        try:
            parser.read(Path(folder), content)
            tally.read += 1
        except parser.refusals as error:
            name = type(error).__name__
            tally.refused[name] = tally.refused.get(name, 0) + 1
    tally.slowest = max(tally.slowest, perf_counter() - start)


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise HangError(f"An input took more than {LONGEST} seconds.")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
