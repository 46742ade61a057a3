"""DreamBooth's subjects: their photographs and classes, and what may be asked of them."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from dreaminpainter.data.sources.files import required
from dreaminpainter.data.sources.picture_folder import pictures_in
from dreaminpainter.errors import InputError, SettingError

LIVE = ("cat", "dog")
"""The classes of live subjects."""
EDITS = {
    "live": ["a {} that is asleep", "a {} with a blue bow tie", "a {} in the rain"],
    "object": ["a {} made of glass", "a {} covered in moss", "a {} in the rain"],
}
"""What subjects are asked to do or look like. Our own, of the kinds that DreamBooth's are of: accessories, property
modification, surroundings."""
_LAYOUT = (
    "Fetch https://github.com/google/dreambooth and name its folder, which holds dataset/ with a folder a subject and "
    "prompts_and_classes.txt"
)
_HEADER = "subject_name,class"


@dataclass(frozen=True)
class Subject:
    """One subject.

    Args:
        name: its folder's.
        class_name: what it is.
        photographs: of it, in the order of their names.
    """

    name: str
    class_name: str
    photographs: list[Path]

    @property
    def is_live(self) -> bool:
        """Whether it moves by itself."""
        return self.class_name in LIVE


def read_subjects(root: Path, wanted: list[str] | None) -> list[Subject]:
    """The subjects of a folder in DreamBooth's layout, in the order wanted, or in that of its table.

    Args:
        root: holds `dataset/`.
        wanted: their names; all by default whose folder is there.

    Raises:
        MissingFileError: there is no table of classes, or a subject that is wanted has no folder.
        InputError: the table has no classes, or there is no subject.
        SettingError: the table does not know a subject that is wanted.
    """
    classes = read_classes(required(root / "dataset" / "prompts_and_classes.txt", _LAYOUT))
    for name in wanted or []:
        if name not in classes:
            near = get_close_matches(name, classes)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(classes)}."
            raise SettingError(f"subjects: {root} has no subject {name!r}. {hint}")
    names = [name for name in classes if (root / "dataset" / name).is_dir()] if wanted is None else wanted
    if not names:
        raise InputError(f"{root / 'dataset'} holds the folder of no subject. {_LAYOUT}.")
    return [_subject(required(root / "dataset" / name, _LAYOUT), classes[name]) for name in names]


def read_classes(table: Path) -> dict[str, str]:
    """Subject to class, of `prompts_and_classes.txt`.

    Raises:
        InputError: it does not tell them.
    """
    lines = [line.strip() for line in table.read_text(encoding="utf-8").splitlines()]
    if _HEADER not in lines:
        raise InputError(f"{table} has no line {_HEADER!r}, so it tells no classes. Put the original file there.")
    rows = lines[lines.index(_HEADER) + 1 :]
    rows = rows[: rows.index("")] if "" in rows else rows
    return {name.strip(): class_name.strip() for name, _, class_name in (row.partition(",") for row in rows)}


def _subject(folder: Path, class_name: str) -> Subject:
    return Subject(folder.name, class_name, [folder / file for file in pictures_in(folder)])
