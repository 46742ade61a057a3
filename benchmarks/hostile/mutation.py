"""Valid files with a few edits each: damaged, misspelled, or meant to do harm, and still almost of the format."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

PATHS = ["..", "../../outside.png", "/etc/passwd", "C:\\x.png", "\\\\host\\x.png", "a/../../x", "file:///etc/passwd"]
TEXTS = ["", " ", "\0", "é" * 300, "\u2028", "\ud800", "{}{0.__class__}%s", "<!ENTITY a 'b'>&a;", "!!python/name:os.x"]
NUMBERS = [-1, 0, 2**31, 2**63, 10**40, 1e308, float("inf"), float("nan"), 0.5, True]
VALUES: list[Any] = [*PATHS, *TEXTS, *NUMBERS, None, [], {}, [[]], [None], {"size": 1}, [[1, 2], "3"]]
TOKENS = [
    *PATHS,
    *TEXTS,
    *map(str, NUMBERS),
    '"',
    "'",
    ",",
    ",,,",
    "\n",
    "\r",
    "\t",
    "[" * 50_000,
    "&",
    "<",
    "]]>",
    ":",
]
TOKENS += ["- ", "? ", "{", "*a", "&a [*a]", "|", "---", "\ufeff", "9" * 5000]


@st.composite
def trees(draw: st.DrawFn, valid: Any) -> Any:
    """A JSON value of which one to three places are replaced, removed, repeated or swapped with another."""
    tree = [deepcopy(valid)]
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        how = draw(st.sampled_from(["replace", "replace", "remove", "repeat", "swap"]))
        if how == "remove" and holder is not tree:
            del holder[key]
        elif how == "repeat" and isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        elif how == "swap":
            other, place = places[draw(st.integers(0, len(places) - 1))]
            holder[key] = deepcopy(other[place])
        else:
            holder[key] = deepcopy(draw(st.sampled_from(VALUES)))
    return tree[0]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(tree, dict | list):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield tree, key
            yield from _places(value)


@st.composite
def texts(draw: st.DrawFn, valid: str) -> bytes:
    """A text with one to three pieces removed, repeated, or replaced by what parsers stumble over."""
    text = valid
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.sampled_from([0, 1, 5, 40])))
        new = draw(st.sampled_from(TOKENS) | st.just("") | st.just(text[start:stop] * 2) | st.text(max_size=3))
        text = text[:start] + new + text[stop:]
    return draw(damaged(text.encode(errors="surrogatepass"), often=False))


@st.composite
def jsons(draw: st.DrawFn, *valid: Any) -> bytes:
    """JSON values, one a line."""
    lines = [json.dumps(draw(trees(one))) for one in valid]
    return draw(damaged("\n".join(lines).encode(errors="surrogatepass"), often=False))


@st.composite
def damaged(draw: st.DrawFn, data: bytes, often: bool = True) -> bytes:
    """Bytes of which some are others, or of which the end is missing; mostly as they were where not `often`."""
    if not often and draw(st.integers(0, 4)):
        return data
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        if not changed:
            break
        # Heads decide what is made of the rest.
        place = draw(st.integers(0, min(len(changed) - 1, 63)) | st.integers(0, len(changed) - 1))
        new = draw(st.sampled_from([b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00"]))
        if draw(st.booleans()):
            new = bytes([draw(st.integers(0, 255))])
        changed[place : place + len(new)] = new
    if draw(st.integers(0, 4)) == 0:
        del changed[draw(st.integers(0, len(changed))) :]
    return bytes(changed)
