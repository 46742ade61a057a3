"""A source divided into training and validation, no picture on both sides.

The side goes by the picture's content alone: the objects of one picture stay together, and so do copies of it in other
data sets, whatever their names and files.

Example:
    >>> from dreaminpainter.data.sources import CrittersSource
    >>> source = CrittersSource(size=16, reference_size=16, count=8)
    >>> sides = [Side(source, side, share=0.3) for side in ("train", "validation")]
    >>> sum(len(side) for side in sides)
    8
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource
from dreaminpainter.errors import SettingError

_DIGITS = 8
"""Of the content's hash that are looked at, which are 32 bits."""


class Side(SegmentationSource):
    """The instances of a source whose pictures are on one side.

    A source that has not been prepared is read whole to know its pictures' contents; prepared data knows them.

    Args:
        source: what is divided.
        side: train or validation.
        share: of the pictures that are for validation, above 0 and below 1.

    Raises:
        SettingError: the share is out of its range.
    """

    def __init__(self, source: SegmentationSource, side: Literal["train", "validation"], share: float = 0.05) -> None:
        if not 0 < share < 1:
            raise SettingError(f"The share of pictures for validation is {share}; it has to lie between 0 and 1.")
        self.source = source
        self.side = side
        self.share = share
        self.name = source.name

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

    def picture_of(self, index: int) -> PictureFile | None:
        return self.source.picture_of(int(self._indices[index]))

    @property
    def left_out(self) -> list[LeftOut]:
        return self.source.left_out

    @property
    def latents_made_from(self) -> dict[str, Any] | None:
        return self.source.latents_made_from

    @cached_property
    def _indices(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        numbers = np.array([int(content[:_DIGITS], 16) for content in self.source.contents()], dtype=np.int64)
        validation = numbers < round(self.share * 16**_DIGITS)
        indices: np.ndarray[tuple[int], np.dtype[np.int64]] = np.flatnonzero(
            validation if self.side == "validation" else ~validation
        )
        return indices
