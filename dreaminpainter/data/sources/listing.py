"""What a source found in its files: the objects, and what is left out and why; one broken object stops nothing.

Example:
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Thing:
    ...     id: str
    >>> listing = listed([Thing("a"), LeftOut("b", "too small"), Thing("a")], told_by="things.csv")
    >>> [thing.id for thing in listing.objects], [one.reason for one in listing.left_out]
    (['a'], ['too small', 'duplicate id'])
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tqdm import tqdm

from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.texts import is_legible
from dreaminpainter.errors import DreamInpainterError, MissingFileError

_LONG = 300
"""How many files take long enough to read to show how far it is."""

NOT_UTF8 = "not UTF-8"
"""The reason of an object whose name or texts cannot be written into files."""

Item = TypeVar("Item")


class HasId(Protocol):
    """Whatever an index keeps of an object."""

    @property
    def id(self) -> str: ...


Thing = TypeVar("Thing", bound=HasId)


@dataclass(frozen=True)
class Listing(Generic[Thing]):
    """The objects of a source, and those that are none of its instances."""

    objects: list[Thing]
    left_out: list[LeftOut]


class BrokenObjectError(ValueError):
    """An object, or a record, that cannot be used.

    Args:
        reason: as in `LeftOut`.
        damage: as in `LeftOut`.
    """

    def __init__(self, reason: str, damage: str) -> None:
        super().__init__(damage)
        self.reason = reason
        self.damage = damage


def listed(found: Iterable[Thing | LeftOut], told_by: object) -> Listing[Thing]:
    """Sorts out what was found, in its order. Of several of one id the first counts, the others are damage.

    So are objects whose id cannot be written in UTF-8: keys, tables and file names are made of it.

    Args:
        found: objects, and what is left out.
        told_by: the file that names them, for the message.
    """
    objects: list[Thing] = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    for one in found:
        if one.id in seen:
            damage = f"{told_by} names {one.id} several times; the first one counts. Give each object its own id."
            left_out.append(LeftOut(one.id, "duplicate id", damage))
        elif isinstance(one, LeftOut):
            left_out.append(one)
        elif not is_legible(one.id):
            damage = f"{told_by} names {one.id}, which is not UTF-8. Rename the file, or give the object another id."
            left_out.append(LeftOut(one.id, NOT_UTF8, damage))
        else:
            objects.append(one)
        seen.add(one.id)
    return Listing(objects, left_out)


def or_left_out(id_: str, objects: Iterator[Thing | LeftOut]) -> Iterator[Thing | LeftOut]:
    """What `objects` yields, and where that breaks, what broke.

    Args:
        id_: what is left out then.
        objects: the objects of a file or record; may raise a `BrokenObjectError` or one of the package's errors.
    """
    try:
        yield from objects
    except BrokenObjectError as error:
        yield LeftOut(id_, error.reason, error.damage)
    except MissingFileError as error:
        yield LeftOut(id_, "missing file", str(error))
    except DreamInpainterError as error:
        yield LeftOut(id_, "unreadable", str(error))


def shown(items: Sequence[Item], what: str, unit: str) -> Iterable[Item]:
    """The items, with a progress bar where each is a file to be read and there are many."""
    bar: Iterable[Item] = tqdm(items, what, unit=f" {unit}", disable=len(items) < _LONG)
    return bar
