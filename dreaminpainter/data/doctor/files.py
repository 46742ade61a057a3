"""Checks of what can be read at all, and of what the sources left out."""

from collections import defaultdict
from collections.abc import Iterator

from dreaminpainter.data.doctor.examination import Part
from dreaminpainter.data.doctor.findings import Finding, Level, some
from dreaminpainter.data.sources.base import reasons

_MOST_DAMAGED = 0.05
"""The share of a source's objects that may be damaged before that is an error; preparing stops there too."""

_SHOWN = 3


def check_source(part: Part) -> Iterator[Finding]:
    """That a source can be read and has objects."""
    if part.unreadable:
        yield Finding("error", "files", f"{part.label} cannot be read: {part.unreadable}", part=part.label)
    elif part.size == 0 and part.divided and part.split == "validation":
        message = (
            f"{part.label}: no picture is held out for validation. Raise data.validation_share if it should be "
            "validated on; training needs one source that is."
        )
        yield Finding("warning", "files", message, part=part.label)
    elif part.size == 0:
        left_out = reasons(part.left_out) or "nothing"
        message = f"{part.label} has no objects (left out: {left_out}). Mend the source's settings."
        yield Finding("error", "files", message, part=part.label)


def check_streams(names: list[str]) -> Iterator[Finding]:
    """A warning of streams that were not examined."""
    if names:
        message = (
            f"data.streams: {some(names)} cannot be examined, because only the files to stream are named. Examine the "
            "folder of prepared data that they were made in: dreaminpainter doctor FOLDER."
        )
        yield Finding("warning", "files", message)


def check_faults(part: Part) -> Iterator[Finding]:
    """That every object that was opened can be trained on, and shows what it did when it was prepared."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one in part.opened:
        for fault in one.faults:
            found[fault.check].setdefault(one.id, fault.message)
    failed = {
        "files": "cannot be opened",
        "contents": "show another picture than when they were prepared",
        "alignment": "have parts that do not belong together",
        "training": "make no sample",
    }
    for check, messages in found.items():
        examples = [f"{id_}: {message.rstrip('.')}." for id_, message in messages.items()]
        message = (
            f"{part.label}: {len(messages)} of the {len(part.opened)} objects that were opened {failed[check]}. "
            f"{' '.join(examples[:_SHOWN])}{_more(len(examples) - _SHOWN)}"
        )
        yield Finding("error", check, message, list(messages), part.label)


def check_left_out(part: Part) -> Iterator[Finding]:
    """What is damaged, by the source's own account; a note on what it left out on purpose."""
    damaged = [one for one in part.left_out if one.damage]
    wanted = reasons(one for one in part.left_out if not one.damage)
    total = part.size + len(part.left_out)
    if damaged:
        share = len(damaged) / total
        message = (
            f"{part.label}: {len(damaged)} of {total} objects ({share:.1%}) are damaged and left out "
            f"({_counts(reasons(damaged))}). "
            f"{' '.join(one.damage for one in damaged[:_SHOWN])}{_more(len(damaged) - _SHOWN)}"
        )
        level: Level = "error" if share > _MOST_DAMAGED else "warning"
        yield Finding(level, "left out", message, [one.id for one in damaged], part.label)
    if wanted:
        message = f"{part.label}: {sum(wanted.values())} of {total} objects are left out on purpose: {_counts(wanted)}."
        yield Finding("note", "left out", message, part=part.label)


def _counts(by_reason: dict[str, int]) -> str:
    return some([f"{reason} {count}" for reason, count in by_reason.items()], most=10)


def _more(count: int) -> str:
    return f" And {count} more." if count > 0 else ""
