"""Which objects of a data set are wanted: one filter for every source.

Example:
    >>> keep = ObjectFilter(min_area=0.1, categories=["dog"])
    >>> keep.reason(area=0.3, class_name="dog"), keep.reason(area=0.01, class_name="dog")
    (None, 'too small')
    >>> keep.reason(area=0.3, class_name="cat")
    'other class'
"""

import math
from collections.abc import Iterable
from difflib import get_close_matches

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError


class ObjectFilter(Component):
    """Which objects to keep, by area, class and licence.

    Args:
        min_area: objects that cover a smaller share of their picture are left out; 0 to 1. That objects of less than
            2 % are of no use is our choice.
        max_area: objects that cover a larger share of their picture are left out; 0 to 1.
        categories: names of the classes to keep; None for all.
        licences: texts of which one must occur in the picture's licence, such as "/licenses/by/", in capitals or not;
            None for all, pictures of unknown licence included.

    Raises:
        SettingError: the areas are no shares or in the wrong order.
    """

    def __init__(
        self,
        min_area: float = 0.02,
        max_area: float = 0.5,
        categories: list[str] | None = None,
        licences: list[str] | None = None,
    ) -> None:
        if not 0 <= min_area <= max_area <= 1:
            raise SettingError(f"ObjectFilter needs 0 <= min_area <= max_area <= 1, not {min_area} and {max_area}.")
        self.min_area = min_area
        self.max_area = max_area
        self.categories = categories
        self.licences = licences

    def reason(
        self, area: float | None = None, class_name: str | None = None, licence: str | None = None
    ) -> str | None:
        """Why an object is not wanted: "other class", "other licence", "too small" or "too large"; None where it is.

        Args:
            area: its share of the picture; None where it is not known yet, and then it is not asked for.
            class_name: its class; None likewise.
            licence: the picture's licence; None where it is not known, which only no filter by licence lets through.
        """
        if self.categories is not None and class_name is not None and class_name not in self.categories:
            return "other class"
        if self.licences is not None and not any(text.lower() in (licence or "").lower() for text in self.licences):
            return "other licence"
        if area is not None and area < self.min_area:
            return "too small"
        if area is not None and area > self.max_area:
            return "too large"
        return None

    def check_categories(self, known: Iterable[str], told_by: object) -> None:
        """Refuses a wanted class that the data does not have.

        Args:
            known: the classes that there are.
            told_by: the file that lists them, for the message.

        Raises:
            SettingError: a class is unknown; the likeliest one is named.
        """
        classes = set(known)
        for name in sorted(set(self.categories or []) - classes):
            near = get_close_matches(name, classes)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(sorted(classes))}."
            raise SettingError(f"categories: {told_by} has no class {name!r}. {hint}")


EVERYTHING = {"min_area": 0.0, "max_area": 1.0}
"""Arguments of an `ObjectFilter` that keeps objects of any size."""


def is_finite_box(box: Iterable[float]) -> bool:
    """Whether all four numbers of a box are numbers."""
    return all(math.isfinite(number) for number in box)
