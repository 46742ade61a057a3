"""Which objects the contact sheet shows: an evenly spread few of each source, and those that something was found of."""

from dataclasses import dataclass

from dreaminpainter.data.doctor.examination import Examination, Part, spread
from dreaminpainter.data.doctor.findings import Finding
from dreaminpainter.data.doctor.opening import Facts, Opened
from dreaminpainter.data.doctor.thumbnails import Thumbnails

_SPREAD, _CONSPICUOUS = 12, 4
"""Rows of each source, and rows for each finding."""


@dataclass(frozen=True)
class Row:
    """One object of the contact sheet.

    Args:
        id: the object's id.
        facts: what was measured of it.
        pictures: its pictures.
        found: the checks that found something of it.
    """

    id: str
    facts: Facts
    pictures: Thumbnails
    found: list[str]


def contact_sheet(examination: Examination, findings: list[Finding]) -> dict[str, list[Row]]:
    """The rows of each source, by its label; what something was found of comes first."""
    return {part.label: _rows(part, findings) for part in examination.parts}


def _rows(part: Part, findings: list[Finding]) -> list[Row]:
    shown = [one for one in part.opened if one.facts is not None]
    about = [finding for finding in findings if finding.part == part.label and finding.ids]
    conspicuous = {id_ for finding in about for id_ in _first_seen(finding, shown)}
    places = set(spread(len(shown), _SPREAD))
    chosen = [one for one in shown if one.id in conspicuous]
    chosen += [one for place, one in enumerate(shown) if place in places and one.id not in conspicuous]
    return [_row(one, about) for one in chosen]


def _first_seen(finding: Finding, shown: list[Opened]) -> list[str]:
    """The first objects of a finding of which there are pictures."""
    ids = set(finding.ids)
    return [one.id for one in shown if one.id in ids][:_CONSPICUOUS]


def _row(one: Opened, findings: list[Finding]) -> Row:
    if one.facts is None or one.pictures is None:
        raise ValueError(f"{one.id} was not opened")
    found = [f"{finding.level}: {finding.check}" for finding in findings if one.id in finding.ids]
    return Row(one.id, one.facts, one.pictures, found)
