"""Entries of a folder or table that hold all that a fill needs: scene, hole, reference and prompt."""

from pathlib import Path

from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.files import required
from dreaminpainter.data.sources.folder_entries import FolderEntry, find_pairs, find_table, read_table
from dreaminpainter.errors import InputError

LAYOUT = (
    "Name a folder with NAME.jpg, NAME_mask.png, NAME_reference.png and the prompt in NAME.txt, or a table (CSV or "
    "JSON Lines) with the columns image, mask, reference and caption, and where wanted reference_mask and id"
)


def find_fillable(place: Path) -> tuple[Path, list[FolderEntry], list[LeftOut]]:
    """The folder that files are relative to, the entries that are complete, and what is none.

    Args:
        place: the folder, or the table.

    Raises:
        MissingFileError: there is no such folder or table.
        InputError: no entry is complete.
    """
    place = required(place, LAYOUT)
    table = find_table(place, None) if place.is_dir() else place
    root = place if place.is_dir() else place.parent
    entries, none = [], []
    for entry in find_pairs(root) if table is None else read_table(table):
        if isinstance(entry, LeftOut):
            none.append(entry)
            continue
        missing = [name for name, value in (("reference", entry.reference), ("prompt", entry.captions)) if not value]
        if missing:
            none.append(LeftOut(entry.id, "incomplete", f"{entry.id} has no {' and no '.join(missing)}."))
        else:
            entries.append(entry)
    if not entries:
        first = f": {none[0].damage}" if none else ""
        raise InputError(f"{place} holds no job that is complete{first}. {LAYOUT}.")
    return root, entries, none
