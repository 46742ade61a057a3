"""Checks of class names and captions, the texts that are trained on."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from dreaminpainter.data.doctor.examination import Part
from dreaminpainter.data.doctor.findings import Finding, some

_REPEATED_SHARE, _REPEATED_LEAST = 0.1, 3
"""The share of pictures, and their number, that may have one caption in common before it looks like a mistake."""

_COMMON_SHARE, _ENOUGH = 0.5, 16
"""The share of one class from which on a source is called unbalanced, and the fewest objects that tell (our choice)."""


def check_class_names(part: Part) -> Iterator[Finding]:
    """That every object has a class name, the text of the main objective (Fig. 2a)."""
    nameless = [id_ for id_, facts in part.facts if not facts.class_name.strip()]
    if nameless:
        message = (
            f"{part.label}: {len(nameless)} of {len(part.facts)} objects have an empty class name ({some(nameless)}), "
            "which is what the main objective reads. Name their class."
        )
        yield Finding("error", "classes", message, nameless, part.label)


def check_balance(part: Part) -> Iterator[Finding]:
    """A note where one of several classes has most of the objects."""
    counts = Counter(facts.class_name for _, facts in part.facts)
    if len(counts) < 2 or len(part.facts) < _ENOUGH:
        return
    (name, count), *_ = counts.most_common(1)
    if count > _COMMON_SHARE * len(part.facts):
        message = (
            f"{part.label}: {count} of {len(part.facts)} objects are of the class {name!r}; the other "
            f"{len(counts) - 1} classes share the rest. Filter by categories, or weight sources, for more balance."
        )
        yield Finding("note", "classes", message, part=part.label)


def check_captions(part: Part) -> Iterator[Finding]:
    """That no caption is empty or on many pictures; notes on objects without one and on pictures with one twice."""
    empty, missing, twice = [], [], []
    pictures: defaultdict[str, set[str]] = defaultdict(set)
    for id_, facts in part.facts:
        used = [] if facts.caption is None else [facts.caption]
        if not all(text.strip() for text in (*facts.captions, *facts.written, *used)):
            empty.append(id_)
        if not facts.captions and not facts.written:
            missing.append(id_)
        plain = [text.strip().casefold() for text in facts.captions if text.strip()]
        if len(set(plain)) < len(plain):
            twice.append(id_)
        for text in plain:
            pictures[text].add(facts.content)
    total = len(part.facts)
    if empty:
        message = (
            f"{part.label}: {len(empty)} of {total} objects have an empty caption ({some(empty)}). Write or remove it."
        )
        yield Finding("warning", "captions", message, empty, part.label)
    yield from _common(part, pictures)
    if twice:
        message = f"{part.label}: {len(twice)} of {total} objects have the same caption twice ({some(twice)})."
        yield Finding("note", "captions", message, twice, part.label)
    if missing:
        message = (
            f"{part.label}: {len(missing)} of {total} objects have no captions of their own ({some(missing)}). "
            "`dreaminpainter caption` writes some; ClassNameCaptioner needs none."
        )
        yield Finding("note", "captions", message, missing, part.label)


def _common(part: Part, pictures: dict[str, set[str]]) -> Iterator[Finding]:
    """Captions that too many pictures have."""
    total = len({facts.content for _, facts in part.facts})
    for text, contents in pictures.items():
        if len(contents) >= max(_REPEATED_LEAST, _REPEATED_SHARE * total):
            ids = [
                id_ for id_, facts in part.facts if text in {caption.strip().casefold() for caption in facts.captions}
            ]
            message = (
                f"{part.label}: {len(contents)} of {total} pictures have the same caption, {text!r} ({some(ids)}). "
                "A caption that fits any picture teaches nothing: write real ones."
            )
            yield Finding("warning", "captions", message, ids, part.label)
