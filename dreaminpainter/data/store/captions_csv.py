"""Captions as a CSV file, to be read and corrected in any editor or spreadsheet, and brought back."""

import csv
import glob
import os
from collections.abc import Container, Iterator
from pathlib import Path

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.data.sources.base import HUMAN, Caption
from dreaminpainter.data.store.captions import KINDS, SCHEMA, CaptionShards, Named, StoredCaptions
from dreaminpainter.errors import InputError, MissingFileError

_ENCODING = "utf-8-sig"
"""UTF-8 with a mark in front, without which spreadsheets take it for something older."""


def export_captions(captions: StoredCaptions, path: str | os.PathLike[str]) -> None:
    """Writes all captions into a CSV file with the columns id, of, text and by.

    Args:
        captions: the captions.
        path: the file, replaced where there is one.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent, glob.escape(target.name))
    with whole(target) as beside, beside.open("w", encoding=_ENCODING, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SCHEMA.names)
        for id, caption in captions:
            writer.writerow((id, caption.of, caption.text, caption.by))


def import_captions(captions: StoredCaptions, path: str | os.PathLike[str], known: Container[str]) -> int:
    """Adds what a person wrote into an exported file: all or, where a row is wrong, nothing.

    A row that stands among the captions as it is stays whose it was. Any other, changed or added, becomes a person's
    caption in the place of the one that a person wrote before, if any. A row that is missing changes nothing.

    Args:
        captions: the captions, as they are now.
        path: a CSV file as `export_captions` writes it.
        known: the ids that there are.

    Returns:
        How many captions were changed or added.

    Raises:
        MissingFileError: there is no such file.
        InputError: the header is another, an id is unknown, a row is broken, or two persons' captions of one instance
            and kind stand side by side.
    """
    persons: dict[tuple[str, str], tuple[int, str]] = {}
    new: list[Named] = []
    for line, id, caption in _rows(Path(path)):
        if id not in known:
            raise InputError(f"{path}, line {line}: this data has no instance {id!r}. Correct or delete the row.")
        is_new = caption not in captions.of(id)
        if is_new and not caption.text.strip():
            raise InputError(f"{path}, line {line}: the caption of {id!r} is empty. Write one, or delete the row.")
        if not is_new and caption.by != HUMAN:
            continue
        before = persons.setdefault((id, caption.of), (line, caption.text))
        if before[1] != caption.text:
            raise InputError(
                f"{path}, lines {before[0]} and {line}: a person has written two captions of the {caption.of} of "
                f"{id!r}, but there can be one. Delete one of the rows."
            )
        if is_new:
            new.append((id, Caption(caption.text, of=caption.of, by=HUMAN)))
    if new:
        with CaptionShards(captions.folder) as shards:
            shards.write(new)
    return len(new)


def _rows(path: Path) -> Iterator[tuple[int, str, Caption]]:
    """Line, id and caption of each row."""
    if not path.is_file():
        raise MissingFileError(f"There is no {path}. Write one with `dreaminpainter caption-export DIR {path}`.")
    with path.open(encoding=_ENCODING, newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            if header != SCHEMA.names:
                raise InputError(
                    f"{path} begins with {','.join(header)!r}, but captions have the columns "
                    f"{','.join(SCHEMA.names)!r}. Export them anew, and save with commas between the columns."
                )
            for row in reader:
                if row:
                    yield reader.line_num, *_parsed(path, reader.line_num, row)
        except csv.Error as error:
            raise InputError(
                f"{path}, line {reader.line_num} cannot be read ({error}). A quote within a text is written twice, and "
                "the text stands between quotes."
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path} cannot be read ({error}). Save the file as CSV in UTF-8.") from error


def _parsed(path: Path, line: int, row: list[str]) -> Named:
    if len(row) != len(SCHEMA.names):
        raise InputError(
            f"{path}, line {line} has {len(row)} columns in the place of {len(SCHEMA.names)}. A text with commas or "
            "quotes stands between quotes."
        )
    id, of, text, by = row
    if of not in KINDS:
        raise InputError(f"{path}, line {line}: `of` is {of!r}. Write {' or '.join(KINDS)}.")
    return id, Caption(text, of=of, by=by)
