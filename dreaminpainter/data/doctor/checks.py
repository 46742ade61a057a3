"""All checks, run over an examination."""

from collections.abc import Callable, Iterator

from dreaminpainter.data.doctor.duplicates import check_ids, check_pictures
from dreaminpainter.data.doctor.epochs import check_epoch
from dreaminpainter.data.doctor.examination import Examination, Part
from dreaminpainter.data.doctor.files import check_faults, check_left_out, check_source, check_streams
from dreaminpainter.data.doctor.findings import LEVELS, Finding
from dreaminpainter.data.doctor.masks import check_areas, check_boxes, check_outlines, check_polarity
from dreaminpainter.data.doctor.texts import check_balance, check_captions, check_class_names

PART_CHECKS: tuple[Callable[[Part], Iterator[Finding]], ...] = (
    check_source,
    check_faults,
    check_left_out,
    check_polarity,
    check_boxes,
    check_outlines,
    check_areas,
    check_class_names,
    check_balance,
    check_captions,
    check_ids,
)
"""Checks of one source."""


def findings_of(examination: Examination) -> list[Finding]:
    """What all checks find, the worst first."""
    found = [finding for part in examination.parts for check in PART_CHECKS for finding in check(part)]
    found += check_streams(examination.unexamined)
    found += check_pictures(examination.parts)
    if examination.epoch is not None:
        found += check_epoch(examination.epoch)
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))
