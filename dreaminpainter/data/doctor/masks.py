"""Checks of masks: the right way round, where the object is, of a size to learn from."""

from collections.abc import Iterator

import torch

from dreaminpainter.data.doctor.examination import Part
from dreaminpainter.data.doctor.findings import Finding, some
from dreaminpainter.data.doctor.measures import SHIFTS
from dreaminpainter.data.doctor.opening import Facts
from dreaminpainter.data.sources.base import reasons

# Of COCO's objects of 2 to 50 % of their picture not one covers as much of the border; all do once they are inverted.
_BORDER = 0.6
_FEWEST = 4
"""A source with fewer masks than this is not judged as a whole."""

_LEAST_OVERLAP = 0.5
_TINY_PIXELS, _TINY_SHARE, _HUGE_SHARE = 32**2, 0.02, 0.9
"""COCO calls objects below 32 x 32 pixels small; the shares are our choice."""

_FAR, _BETTER, _ENOUGH = 4, 1.15, 16
"""Pixels, factor and objects from which on masks are said to be shifted (our choice; see `edges_along`)."""


def check_polarity(part: Part) -> Iterator[Finding]:
    """That masks are white where the object is: one that covers the border and spares the centre is suspicious.

    A source most of whose masks cover the border is inverted, wherever its objects are.
    """
    covering = [id_ for id_, facts in part.facts if facts.border >= _BORDER]
    if len(part.facts) >= _FEWEST and len(covering) > len(part.facts) / 2:
        message = (
            f"{part.label}: {len(covering)} of {len(part.facts)} masks cover most of their picture's border. They are "
            "probably inverted; white (1) has to be the object. Invert them."
        )
        yield Finding("error", "polarity", message, covering, part.label)
        return
    suspicious = [id_ for id_, facts in part.facts if facts.border >= _BORDER and facts.centre < facts.border / 2]
    if suspicious:
        message = (
            f"{part.label}: {len(suspicious)} of {len(part.facts)} masks cover the border and spare the centre "
            f"({some(suspicious)}). They may be inverted; white (1) has to be the object. Look at them below."
        )
        yield Finding("warning", "polarity", message, suspicious, part.label)
    too_large = reasons(part.left_out).get("too large", 0)
    if too_large >= _FEWEST and too_large > (part.size + len(part.left_out)) / 2:
        message = (
            f"{part.label}: {too_large} of {part.size + len(part.left_out)} objects are left out as too large. Their "
            "masks may be inverted; white (1) has to be the object. Look at one, and invert them or raise max_area."
        )
        yield Finding("warning", "polarity", message, part=part.label)


def check_boxes(part: Part) -> Iterator[Finding]:
    """That an object's box is about its mask's own."""
    apart = [id_ for id_, facts in part.facts if facts.box_overlap < _LEAST_OVERLAP]
    if apart:
        message = (
            f"{part.label}: {len(apart)} of {len(part.facts)} boxes have less than half in common with the box of "
            f"their mask ({some(apart)}). Box or mask is of another object, or counts pixels otherwise. Look at them "
            "below."
        )
        yield Finding("warning", "alignment", message, apart, part.label)


def check_outlines(part: Part) -> Iterator[Finding]:
    """A note where the masks, moved by some pixels, would lie better on the edges of their pictures."""
    known = [facts.edges for _, facts in part.facts if facts.edges is not None]
    if len(known) < _ENOUGH:
        return
    strength = torch.tensor(known).mean(0)
    best = int(strength.argmax())
    (dx, dy), factor = SHIFTS[best], float(strength[best] / strength[SHIFTS.index((0, 0))])
    if max(abs(dx), abs(dy)) >= _FAR and factor >= _BETTER:
        message = (
            f"{part.label}: over {len(known)} objects, outlines moved by {_moved(dx, 'right', 'left')} and "
            f"{_moved(dy, 'down', 'up')} would lie on {factor:.2f} times as strong edges. Masks may have been made for "
            "pictures that were cropped, padded or resized otherwise. Look at the outlines below."
        )
        yield Finding("note", "alignment", message, part=part.label)


def check_areas(part: Part) -> Iterator[Finding]:
    """That objects are neither tiny nor all of the picture."""
    tiny = [id_ for id_, facts in part.facts if _is_tiny(facts)]
    huge = [id_ for id_, facts in part.facts if facts.area > _HUGE_SHARE]
    if tiny:
        message = (
            f"{part.label}: {len(tiny)} of {len(part.facts)} objects are below {_TINY_PIXELS} pixels and "
            f"{_TINY_SHARE:.0%} of their picture ({some(tiny)}): there is hardly a subject to see. Raise the filter's "
            "min_area."
        )
        yield Finding("warning", "areas", message, tiny, part.label)
    if huge:
        message = (
            f"{part.label}: {len(huge)} of {len(part.facts)} objects cover more than {_HUGE_SHARE:.0%} of their "
            f"picture ({some(huge)}): hardly any scene is left around the hole. Lower the filter's max_area."
        )
        yield Finding("warning", "areas", message, huge, part.label)


def _is_tiny(facts: Facts) -> bool:
    return facts.pixels < _TINY_PIXELS and facts.area < _TINY_SHARE


def _moved(pixels: int, forward: str, back: str) -> str:
    return f"{abs(pixels)} px {forward if pixels >= 0 else back}"
