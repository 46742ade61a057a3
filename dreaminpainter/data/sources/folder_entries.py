"""Which files of a folder belong together, as their names or a table say."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.files import required
from dreaminpainter.data.sources.listing import BrokenObjectError, or_left_out
from dreaminpainter.data.sources.picture_folder import captions_in, pictures_in
from dreaminpainter.errors import InputError

LAYOUT = (
    "Put NAME_mask.png, white on the subject, beside each picture NAME.jpg; or write ROOT/metadata.csv with the "
    "columns image and mask, and where wanted reference, reference_mask, detail_mask, caption, class_name, licence and "
    "id"
)
_TABLES = ("metadata.jsonl", "metadata.csv")
_REQUIRED = ("image", "mask")
_COLUMNS = (*_REQUIRED, "reference", "reference_mask", "detail_mask", "caption", "class_name", "licence", "id")
_BESIDE = ("_reference_mask", "_detail_mask", "_reference", "_mask")


@dataclass(frozen=True)
class FolderEntry:
    """An object; files are relative to the root, and what is not given is empty."""

    id: str
    image: str
    mask: str
    reference: str = ""
    reference_mask: str = ""
    detail_mask: str = ""
    captions: tuple[str, ...] = ()
    class_name: str = ""
    licence: str = ""


Found = FolderEntry | LeftOut


def find_pairs(root: Path) -> list[Found]:
    """The pictures of a folder with the masks and references beside them.

    Raises:
        InputError: there is no picture, or no mask.
    """
    files: dict[str, str] = {}
    left_out: list[Found] = []
    for file in pictures_in(root):
        stem = _stem(file)
        if stem in files:
            damage = f"{root} holds both {files[stem]} and {file}; the first one counts. Rename or remove one."
            left_out.append(LeftOut(file, "duplicate id", damage))
        else:
            files[stem] = file
    pictures = _pictures_of(files)
    if not any(f"{stem}_mask" in files for stem in pictures):
        raise InputError(
            f"{root} holds {len(files)} pictures, but no masks. {LAYOUT}. Or take UnlabelledSource, which finds "
            "objects by itself."
        )
    return [*(one for stem in pictures for one in or_left_out(stem, _pair(root, stem, files))), *left_out]


def find_table(root: Path, name: str | None) -> Path | None:
    """The table of a folder, if it has one.

    Raises:
        MissingFileError: a table is named that is not there.
    """
    if name is not None:
        return required(root / name, LAYOUT)
    return next((root / one for one in _TABLES if (root / one).is_file()), None)


def read_table(path: Path) -> list[Found]:
    """The rows of a table: JSON Lines where its name ends so, else CSV.

    Raises:
        InputError: it is no such table, or has the wrong columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            columns, rows = _json_rows(file) if path.suffix.lower() == ".jsonl" else _csv_rows(file)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as a table ({error}). Save it as CSV or JSON Lines in UTF-8."
        ) from error
    _check_columns(columns, path)
    return [one for line, row in rows for one in or_left_out(f"line {line}", _entry(row, f"{path}, line {line}"))]


def _stem(file: str) -> str:
    return file.removesuffix(PurePosixPath(file).suffix)


def _pictures_of(stems: Iterable[str]) -> list[str]:
    """The names that stand for themselves: a "_mask" is a mask only where there is a picture that it can be of."""
    pictures: dict[str, None] = {}
    for stem in sorted(stems):  # a picture comes before what is named after it
        if not any(stem.endswith(end) and stem.removesuffix(end) in pictures for end in _BESIDE):
            pictures[stem] = None
    return list(pictures)


def _pair(root: Path, stem: str, files: dict[str, str]) -> Iterator[FolderEntry]:
    picture, mask = root / files[stem], files.get(f"{stem}_mask", "")
    if not mask and stem.endswith("_mask"):
        raise BrokenObjectError(
            "no picture", f"{picture} looks like a mask, but its picture is missing. Add or remove."
        )
    if not mask:
        name = PurePosixPath(stem).name
        raise BrokenObjectError(
            "no mask", f"{picture} has no mask. Put {name}_mask.png beside it, white on the subject."
        )
    yield FolderEntry(
        id=stem,
        image=files[stem],
        mask=mask,
        reference=files.get(f"{stem}_reference", ""),
        reference_mask=files.get(f"{stem}_reference_mask", ""),
        # Beside rex_detail.jpg, rex_detail_mask.png is that picture's own mask.
        detail_mask="" if f"{stem}_detail" in files else files.get(f"{stem}_detail_mask", ""),
        captions=tuple(captions_in(root / f"{stem}.txt")),
    )


def _csv_rows(file: Iterable[str]) -> tuple[list[str], list[tuple[int, Any]]]:
    """The columns, and each row with the number of its last line."""
    reader = csv.DictReader(file, strict=True)
    return list(reader.fieldnames or []), [(reader.line_num, row) for row in reader]


def _json_rows(file: Iterable[str]) -> tuple[list[str], list[tuple[int, Any]]]:
    """The columns that occur, and each row with the number of its line; None where the line is no JSON."""
    rows = [(line, _json(text)) for line, text in enumerate(file, start=1) if text.strip()]
    return sorted({name for _, row in rows if isinstance(row, dict) for name in row}), rows


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _check_columns(columns: list[str], path: Path) -> None:
    found = f"{path} has the columns {', '.join(columns) or 'of an empty table'}"
    if not set(_REQUIRED) <= set(columns):
        raise InputError(
            f"{found}; image and mask are needed, and {', '.join(_COLUMNS[2:])} can be there. Rename them."
        )
    for column in set(columns) - set(_COLUMNS):
        near = get_close_matches(column, set(_COLUMNS) - set(columns), n=1, cutoff=0.8)
        if near:
            raise InputError(f"{found}. Did you mean {near[0]!r} by {column!r}? Rename it, or else name it otherwise.")


def _entry(row: Any, name: str) -> Iterator[FolderEntry]:
    """The object of a row; `name` is what messages call it."""
    if not isinstance(row, dict):
        raise BrokenObjectError("broken annotation", f"{name} is no JSON object. Correct or remove it.")
    if None in row:
        damage = f"{name} has more cells than the header. Put texts that hold commas into double quotes."
        raise BrokenObjectError("broken annotation", damage)
    cells = {column: _cell(row.get(column), f"{name}, {column}") for column in _COLUMNS}
    for column in _REQUIRED:
        if not cells[column]:
            raise BrokenObjectError("broken annotation", f"{name} names no {column}. Name it, or remove the row.")
    id_, caption = cells.pop("id"), cells.pop("caption")
    yield FolderEntry(id=id_ or _stem(cells["mask"]), captions=(caption,) if caption else (), **cells)


def _cell(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int):
        raise BrokenObjectError("broken annotation", f"{name} is {value!r}. Write a text.")
    return str(value).strip()
