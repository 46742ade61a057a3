"""What every source of segmented pictures is, and the record that it yields."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from dreaminpainter.components import Component


@dataclass
class Instance:
    """One segmented object in one picture.

    Args:
        image: (3, H, W) uint8 RGB, the whole picture, upright.
        mask: (1, H, W) bool, the object's own outline.
        class_name: the object's class, in words.
        box: (left, top, right, bottom) of the object in pixels.
        captions: captions of the whole picture that came with it; may be empty.
        source: the source's name.
        id: unique within the source.
        licence: the picture's licence, where known.
        reference_image: (3, H', W') uint8, another picture of the same subject; None where the subject is cut out of
            `image` itself.
        reference_mask: (1, H', W') bool, the subject in `reference_image`.
        key: the sample's key, set when a batch is made; what a captioner draws from.
        attributes: what is known of a drawn subject, such as {"hat": "crown"}; empty for photographs.
    """

    image: Tensor
    mask: Tensor
    class_name: str
    box: tuple[float, float, float, float]
    captions: list[str]
    source: str
    id: str
    licence: str | None = None
    reference_image: Tensor | None = None
    reference_mask: Tensor | None = None
    key: int | None = None
    attributes: dict[str, str] = field(default_factory=dict)


class SegmentationSource(Component, ABC):
    """A sequence of `Instance` records, the same ones in the same order each time.

    A constructor only keeps its arguments; files are read when the first record, or the length, is asked for.
    """

    name: str
    """The source's name, as it stands in `Instance.source`."""

    @abstractmethod
    def __len__(self) -> int:
        """How many instances there are."""

    @abstractmethod
    def __getitem__(self, index: int) -> Instance:
        """The instance at `index`, 0 to `len(self) - 1`.

        Raises:
            InputError: the picture or its mask cannot be read.
        """

    def id_of(self, index: int) -> str:
        """The id of the instance at `index`; a source that knows it without reading the picture says so here."""
        return self[index].id

    def load(self, indices: list[int]) -> list[Instance]:
        """Several instances at once; a source that draws its pictures draws them as one batch."""
        return [self[index] for index in indices]

    @property
    def left_out(self) -> Counter[str]:
        """How many objects of the data are no instances, by reason, such as {"crowd": 12}."""
        return Counter()

    def __iter__(self) -> Iterator[Instance]:
        return (self[index] for index in range(len(self)))
