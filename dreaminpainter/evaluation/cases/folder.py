"""Cases of somebody's own pictures."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.files import inside
from dreaminpainter.data.sources.fillable import find_fillable
from dreaminpainter.data.sources.folder_entries import FolderEntry
from dreaminpainter.data.sources.picture_folder import captions_in, pictures_in
from dreaminpainter.errors import InputError
from dreaminpainter.evaluation.cases.base import Case, Kind, checksum
from dreaminpainter.evaluation.cases.builder import CaseBuilder, copy_picture


class FolderCases(CaseBuilder):
    """A folder of one's own, in what layout of these three is easiest; pictures are copied beside the cases.

    - A folder a case: ROOT/NAME/ with `scene`, `mask` (white is filled), `subject`, where wanted `subject_mask` (white
      on the subject), as .png, .jpg or another picture, and `prompt.txt`.
    - Files named after the case, as `inpaint --jobs` reads them: NAME.jpg, NAME_mask.png, NAME_reference.png, where
      wanted NAME_reference_mask.png, and the prompt in NAME.txt.
    - ROOT/metadata.csv or .jsonl with the columns image, mask, reference and caption, and where wanted reference_mask,
      class_name and id; `root` may also be such a table itself.

    Without a subject's mask all of its picture is the reference. Cases of the same subject picture count as of one
    subject. Incomplete cases are refused rather than left out, so that tables of one folder compare.

    Args:
        root: the folder, or the table.
        kind: what all cases are to find out, see `Case`.
        class_name: the subject's class, where no table tells it.
    """

    def __init__(self, root: str, kind: Kind = "edit", class_name: str = "object") -> None:
        self.root = root
        self.kind = kind
        self.class_name = class_name

    def __len__(self) -> int:
        return len(self._entries()[1])

    def draw(self, folder: Path) -> Iterator[Case]:
        """As `CaseBuilder.draw` says.

        Raises:
            MissingFileError: there is no such folder, or a picture that a table names.
            InputError: a case is incomplete or names a file outside the folder, or there is none.
        """
        root, entries = self._entries()
        for number, entry in enumerate(entries):
            copied = partial(_copied, root, folder, number)
            reference = copied("reference", entry.reference)
            yield Case(
                id=entry.id,
                kind=self.kind,
                scene=copied("scene", entry.image),
                mask=copied("mask", entry.mask),
                reference=reference,
                reference_mask=copied("reference_mask", entry.reference_mask),
                prompt=entry.captions[0],
                class_name=entry.class_name or self.class_name,
                subject=checksum(folder / reference),
            )

    def _entries(self) -> tuple[Path, list[FolderEntry]]:
        """The folder that files are relative to, and what is in it."""
        root = Path(self.root)
        found = _case_folders(root) if root.is_dir() else []
        none = [one for one in found if isinstance(one, LeftOut)]
        entries = [one for one in found if isinstance(one, FolderEntry)]
        if not found:
            root, entries, none = find_fillable(root)
        if none:
            raise InputError(
                f"{self.root} holds what is no case: {none[0].damage or none[0].id} Complete or remove it."
            )
        return root, entries


def _copied(root: Path, folder: Path, number: int, name: str, file: str) -> str:
    return copy_picture(inside(root, file, root), folder, f"pictures/{number:05}-{name}") if file else ""


def _case_folders(root: Path) -> list[FolderEntry | LeftOut]:
    """The folders that hold a scene."""
    found: list[FolderEntry | LeftOut] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and any(path.glob("scene.*"))):
        pictures = {Path(file).stem: f"{folder.name}/{file}" for file in pictures_in(folder)}
        prompts = captions_in(folder / "prompt.txt")
        missing = [name for name in ("scene", "mask", "subject") if name not in pictures]
        missing += [] if prompts else ["prompt.txt"]
        if missing:
            found.append(LeftOut(folder.name, "incomplete", f"{folder} has no {' and no '.join(missing)}."))
            continue
        outline = pictures.get("subject_mask", "")
        found.append(
            FolderEntry(
                folder.name, pictures["scene"], pictures["mask"], pictures["subject"], outline, captions=tuple(prompts)
            )
        )
    return found
