"""Sources divided into training and validation, no picture on both sides.

The side goes by the picture's content alone: the objects of one picture stay together, and so do copies of it in other
data sets, whatever their names and files.

Example:
    >>> from dreaminpainter.data.sources import CrittersSource
    >>> division = Division({"drawn": CrittersSource(size=16, reference_size=16, count=8)}, share=0.3)
    >>> sum(len(division.sides(side)["drawn"]) for side in ("train", "validation"))
    8
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from dreaminpainter.components import Component
from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource
from dreaminpainter.errors import SettingError

_DIGITS = 8
"""Of the content's hash that are looked at, which are 32 bits."""
_TORN = "reference on the other side"
"""Why an object is left out whose reference is cut out of another picture, which the other side has."""

_SideName = Literal["train", "validation"]
_Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


class Division(Component):
    """Which pictures of several sources are for validation: the same ones, whichever of the sources they are in.

    A picture is for validation where the first digits of its content's hash are a number below a limit, which the share
    tells. So a source of few pictures may have none for validation. Where all sources together would have none, or none
    to train on, the limit is moved until there is one: the same limit for all, or copies would part.

    An object whose reference is another picture that is on the other side is on neither, and counts as left out.

    A source that has not been prepared is read whole to know its pictures' contents; prepared data knows them.

    Args:
        sources: what is divided, by the names that the run has for them.
        share: of the pictures that are for validation, above 0 and below 1.

    Raises:
        SettingError: the share is out of its range.
    """

    def __init__(self, sources: dict[str, SegmentationSource], share: float = 0.05) -> None:
        if not 0 < share < 1:
            raise SettingError(f"The share of pictures for validation is {share}; it has to lie between 0 and 1.")
        self.sources = sources
        self.share = share

    def sides(self, side: _SideName) -> dict[str, SegmentationSource]:
        """One side of each source."""
        return {name: Side(self, name, side) for name in self.sources}

    def indices(self, name: str, side: _SideName) -> tuple[_Numbers, _Numbers]:
        """What a side has of a source: indices of its objects, and of those whose reference is on the other side."""
        held_out = self._pictures[name] < self._limit
        here = held_out if side == "validation" else ~held_out
        reference = self._references(name)
        torn = (reference >= 0) & ((reference < self._limit) != held_out)
        return np.flatnonzero(here & ~torn), np.flatnonzero(here & torn)

    @cached_property
    def _pictures(self) -> dict[str, _Numbers]:
        return {name: _numbers(source.contents()) for name, source in self.sources.items()}

    def _references(self, name: str) -> _Numbers:
        """-1 where there is no other picture."""
        return _numbers(self.sources[name].reference_contents())

    @cached_property
    def _limit(self) -> int:
        """Pictures with a number below it are for validation."""
        wanted: int = round(self.share * 16**_DIGITS)
        there = [numbers for numbers in self._pictures.values() if len(numbers)]
        lowest = min((int(numbers.min()) for numbers in there), default=0)
        highest = max((int(numbers.max()) for numbers in there), default=0)
        return min(max(wanted, lowest + 1), highest) if lowest < highest else wanted


class Side(SegmentationSource):
    """The instances of a source whose pictures are on one side.

    Args:
        division: tells the sides.
        of: the source's name in the division.
        side: train or validation.
    """

    def __init__(self, division: Division, of: str, side: _SideName) -> None:
        self.division = division
        self.of = of
        self.side = side
        self.name = self.source.name

    @property
    def source(self) -> SegmentationSource:
        """What is divided."""
        return self.division.sources[self.of]

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Instance:
        return self.source[int(self._indices[index])]

    def load(self, indices: list[int]) -> list[Instance]:
        return self.source.load([int(self._indices[index]) for index in indices])

    def id_of(self, index: int) -> str:
        return self.source.id_of(int(self._indices[index]))

    def content_of(self, index: int) -> str:
        return self.source.content_of(int(self._indices[index]))

    def contents(self) -> Sequence[str]:
        contents = self.source.contents()
        return [contents[index] for index in self._indices.tolist()]

    def reference_content_of(self, index: int) -> str | None:
        return self.source.reference_content_of(int(self._indices[index]))

    def picture_of(self, index: int) -> PictureFile | None:
        return self.source.picture_of(int(self._indices[index]))

    @property
    def left_out(self) -> list[LeftOut]:
        """Besides what the source leaves out, "reference on the other side"."""
        return [*self.source.left_out, *(LeftOut(self.source.id_of(int(index)), _TORN) for index in self._torn)]

    @property
    def latents_made_from(self) -> dict[str, Any] | None:
        return self.source.latents_made_from

    @property
    def _indices(self) -> _Numbers:
        return self._parts[0]

    @property
    def _torn(self) -> _Numbers:
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[_Numbers, _Numbers]:
        return self.division.indices(self.of, self.side)


def _numbers(contents: Sequence[str | None]) -> _Numbers:
    """What the first digits of each hash say; -1 where there is none."""
    return np.array([-1 if one is None else int(one[:_DIGITS], 16) for one in contents], dtype=np.int64)
