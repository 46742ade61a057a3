"""What every source of segmented pictures is, the record that it yields, and what it leaves out."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from dreaminpainter.components import Component
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.texts import legible

HUMAN = "human"
"""Who wrote a caption that a person wrote or corrected."""


@dataclass(frozen=True)
class Caption:
    """A caption written for an instance after its data set was made.

    Args:
        text: the caption.
        of: whether it describes the whole picture or the object alone.
        by: who wrote it: "human", or a captioner with its checkpoint.
    """

    text: str
    of: Literal["picture", "object"]
    by: str


@dataclass(frozen=True)
class CachedLatents:
    """Latents of an instance that were computed before.

    Args:
        scene: (C, h, w), scaled latents of the scene as it was cropped then.
        references: (V, C, h', w'), of V augmented references.
        settings: what they were made from.
    """

    scene: Tensor
    references: Tensor
    settings: dict[str, Any]


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
        written: captions that were written later, by a captioner or a person.
        latents: computed before, where that is wanted.
        detail_mask: (1, H, W) bool, small things that tell this subject from its like, such as a scar or a logo, which
            `model.detail_weight` lets count more; None where nobody marked any.
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
    written: list[Caption] = field(default_factory=list)
    latents: CachedLatents | None = None
    detail_mask: Tensor | None = None

    @property
    def subject(self) -> tuple[Tensor, Tensor]:
        """The picture that the reference is cut out of, (3, H', W') uint8, and the subject in it, (1, H', W') bool."""
        if self.reference_image is None or self.reference_mask is None:
            return self.image, self.mask
        return self.reference_image, self.reference_mask


@dataclass(frozen=True)
class LeftOut:
    r"""An object of the data that is no instance.

    Args:
        id: the object's id.
        reason: in a few words, the same for all objects of its kind, such as "crowd" or "too small".
        damage: what is broken, with the file and the fix; empty where the object is whole and was left out on purpose.

    Example:
        >>> LeftOut("caf\udce9.png", "unreadable").id  # the name of a file is bytes, not all of which are UTF-8
        'caf\\udce9.png'
    """

    id: str
    reason: str
    damage: str = ""

    def __post_init__(self) -> None:
        # Both are written into files, and name what cannot be.
        object.__setattr__(self, "id", legible(self.id))
        object.__setattr__(self, "damage", legible(self.damage))


def reasons(left_out: Iterable[LeftOut]) -> dict[str, int]:
    """How many objects were left out for each reason, the commonest first.

    Example:
        >>> reasons([LeftOut("1", "crowd"), LeftOut("2", "too small"), LeftOut("3", "crowd")])
        {'crowd': 2, 'too small': 1}
    """
    return dict(Counter(one.reason for one in left_out).most_common())


def damage_report(damages: Iterable[str], most: int = 5) -> str:
    """The first few of what is broken, a line each."""
    shown = list(damages)
    more = [f"... and {len(shown) - most} more"] if len(shown) > most else []
    return "\n".join(f"  {line}" for line in (*shown[:most], *more))


@dataclass(frozen=True)
class PictureFile:
    """Where the picture of an instance is.

    Args:
        path: the file.
        upright: whether the instance shows it turned as its EXIF orientation says, or with its pixels as stored.
    """

    path: Path
    upright: bool


class SegmentationSource(Component, ABC):
    """A sequence of `Instance` records, the same ones in the same order each time.

    A constructor only keeps its arguments; files are read when the first record, or the length, is asked for.
    """

    name: str
    """The source's name, as it stands in `Instance.source`."""

    keep: ObjectFilter | None = None
    """Which objects are wanted; None where there is no choice. Preparing asks it again once a mask is read."""

    incidental: frozenset[str] = frozenset()
    """Arguments that say how the instances are found, not which: preparing goes on where they have changed."""

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

    def content_of(self, index: int) -> str:
        """The `content_hash` of the picture at `index`, of its pixels as they are stored, however they are turned.

        A source that shows pictures upright, or knows the hash without reading, says so here.
        """
        return content_hash(self[index].image)

    def reference_content_of(self, index: int) -> str | None:
        """As `content_of`, of the other picture that the reference is cut out of.

        None where it is cut out of its own picture, or was drawn for this instance alone. A source that has no others,
        or knows it without reading, says so here.
        """
        reference = self[index].reference_image
        return None if reference is None else content_hash(reference)

    def picture_of(self, index: int) -> PictureFile | None:
        """Where the picture of the instance at `index` is; None where there is no file, as of a drawing."""
        return None

    def contents(self) -> Sequence[str]:
        """`content_of` of every instance, in order."""
        return [self.content_of(index) for index in range(len(self))]

    def reference_contents(self) -> Sequence[str | None]:
        """`reference_content_of` of every instance, in order."""
        return [self.reference_content_of(index) for index in range(len(self))]

    def prepare_in(self, folder: Path) -> None:
        """Is told the folder of the prepared data before the first question. What takes long to find may be kept there.

        Args:
            folder: what is kept is to be in a folder within it; need not be there yet.
        """

    def fingerprint(self) -> str:
        """Tells whether two sources have the same instances, by kind and ids, wherever their files lie."""
        digest = blake2b(self.name.encode(), digest_size=16)
        for index in range(len(self)):
            digest.update(legible(f"\n{self.id_of(index)}").encode())
        return digest.hexdigest()

    def load(self, indices: list[int]) -> list[Instance]:
        """Several instances at once; a source that draws its pictures draws them as one batch."""
        return [self[index] for index in indices]

    @property
    def left_out(self) -> list[LeftOut]:
        """The objects of the data that are no instances, as far as that is known without reading the pictures."""
        return []

    @property
    def latents_made_from(self) -> dict[str, Any] | None:
        """What the cached latents of the instances were made from; None where they have none."""
        return None

    def __iter__(self) -> Iterator[Instance]:
        return (self[index] for index in range(len(self)))


def content_hash(image: Tensor) -> str:
    """Tells whether two pictures are the same, whatever their names and files: 32 hexadecimal digits.

    Args:
        image: (3, H, W) uint8.

    Example:
        >>> import torch
        >>> wide, square = torch.zeros(3, 1, 4, dtype=torch.uint8), torch.zeros(3, 2, 2, dtype=torch.uint8)
        >>> content_hash(wide) == content_hash(square), content_hash(wide) == content_hash(wide.clone())
        (False, True)
    """
    digest = blake2b(f"{tuple(image.shape)}".encode(), digest_size=16)
    digest.update(image.contiguous().numpy().tobytes())
    return digest.hexdigest()
