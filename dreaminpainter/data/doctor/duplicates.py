"""Checks for what is there twice: ids within a source, pictures across splits and sources."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from dreaminpainter.data.doctor.examination import Part
from dreaminpainter.data.doctor.findings import Finding, Level, some


def check_ids(part: Part) -> Iterator[Finding]:
    """That ids are unique within a source: the draws of a sample start from its id."""
    ids = part.ids if part.ids is not None else [one.id for one in part.opened]
    again = [id_ for id_, count in Counter(ids).items() if count > 1]
    if again:
        message = (
            f"{part.label}: {len(again)} ids are used more than once ({some(again)}). Number the objects anew: random "
            "draws and written captions go by id."
        )
        yield Finding("error", "duplicates", message, again, part.label)


def check_pictures(parts: list[Part]) -> Iterator[Finding]:
    """That no picture is in two splits, nor in two sources of a split.

    Pictures are the same where they lie in the same file or have the same content. Contents are known of the objects
    that were opened, and of all objects of sources that keep them, such as prepared data.
    """
    known = [(part, _pictures(part)) for part in parts]
    for (first, ours), (second, theirs) in combinations(known, 2):
        ids = list(dict.fromkeys(id_ for picture, id_ in ours.items() if picture in theirs))
        if not ids:
            continue
        level: Level
        if first.split == second.split:
            level, harm = "warning", "They are trained on or counted twice. Leave them out of one of the two."
        elif first.split == "train":
            level, harm = "error", f"The {second.split} would measure what was learned by heart. Split by picture."
        else:
            level, harm = "warning", "What is chosen on the one would be measured on it again. Split by picture."
        message = f"{len(ids)} pictures of {first.label} are in {second.label} too (objects {some(ids)}). {harm}"
        yield Finding(level, "duplicates", message, ids, first.label)


def _pictures(part: Part) -> dict[str, str]:
    """What tells a picture, and the id of an object in it."""
    found = {facts.content: id_ for id_, facts in part.facts}
    ids = part.ids or []
    for told in (part.contents, part.files):
        if told is not None:
            found.update(zip(told, ids or [f"no. {index}" for index in range(len(told))], strict=False))
    return found
