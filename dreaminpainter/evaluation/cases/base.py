"""What an evaluation asks of a method: cases, and the files that hold them.

A case file is JSON Lines or Parquet, a row a case; pictures lie beside it and are named relative to it, each with its
checksum, so that two tables of the same cases are tables of the same pictures.

Example:
    >>> import tempfile
    >>> case = Case("c1", "edit", "scene.png", "mask.png", "cat.png", prompt="a cat sleeps", class_name="cat")
    >>> file = Path(tempfile.mkdtemp()) / "cases.jsonl"
    >>> CaseSet(file, [case]).write()
    >>> CaseSet.read(file).cases == [case]
    True
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, get_args

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.paths import is_inside

Kind = Literal["identity", "edit", "class change", "contradiction", "mask shape"]
KINDS: tuple[str, ...] = get_args(Kind)
PICTURES = ("scene", "mask", "reference", "reference_mask", "truth")
"""The fields that name a picture."""


@dataclass(frozen=True)
class Case:
    """One thing to fill.

    Args:
        id: unique within the set.
        kind: what it is to find out: "identity" (the class's name as the prompt), "edit" (the prompt asks for
            something that the reference does not show), "class change", "contradiction" (for the opposite of what it
            shows), "mask shape" (an odd hole).
        scene: the picture with the hole; what is in the hole is not shown to any method but the ceiling.
        mask: black and white, of the scene's size; white is filled.
        reference: the subject.
        prompt: what the filled picture shows.
        class_name: the subject's class, in words.
        reference_mask: the subject in the reference; where there is none, all of it is.
        truth: what a right fill looks like, where that is known.
        subject: whose picture the reference is; cases of one subject share it.
        attributes: what a right fill shows, such as {"hat": "crown"}, where that is known.
        shown: what the reference shows, likewise.
        checksums: of the pictures, by field.

    Raises:
        InputError: the kind is none of these, or the id or a picture's name leads out of the folder.
    """

    id: str
    kind: Kind
    scene: str
    mask: str
    reference: str
    prompt: str
    class_name: str
    reference_mask: str = ""
    truth: str = ""
    subject: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"The case {self.id} is of the kind {self.kind!r}. Give one of {', '.join(KINDS)}.")
        # Fills are files named after it.
        if not self.id or not is_inside(self.id):
            raise InputError(f"The id {self.id!r} of a case cannot be the name of a file. Give another.")
        for name in ("scene", "mask", "reference"):
            if not getattr(self, name):
                raise InputError(f"The case {self.id} has an empty {name}. Name the picture, beside the file of cases.")
        for name, file in self.files().items():
            if not is_inside(file):
                raise InputError(
                    f"The case {self.id} names the {name} {file!r}, which lies outside the folder of its file. Put "
                    "the picture beside it."
                )

    def files(self) -> dict[str, str]:
        """The pictures that there are, by field."""
        return {name: getattr(self, name) for name in PICTURES if getattr(self, name)}


@dataclass
class CaseSet:
    """Cases and where they are.

    Args:
        file: JSON Lines or Parquet; pictures are named relative to its folder.
        cases: in their order.
    """

    file: Path
    cases: list[Case]

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def folder(self) -> Path:
        """Where the pictures' names start from."""
        return self.file.parent

    @property
    def checksum(self) -> str:
        """Of all cases with their pictures; where they lie does not matter."""
        content = [{**asdict(case), **dict.fromkeys(PICTURES, "")} for case in self.cases]
        return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()

    @classmethod
    def read(cls, file: Path) -> "CaseSet":
        """The cases of a file.

        Raises:
            MissingFileError: there is no such file.
            InputError: it holds no cases, or something else.
        """
        if not file.is_file():
            raise MissingFileError(f"There is no file of cases {file}. Name a .jsonl or .parquet file of cases.")
        cases = [_case(row, f"{file}, row {number}") for number, row in enumerate(_rows(file), start=1)]
        if not cases:
            raise InputError(f"{file} holds no case.")
        refuse_same_ids(cases, str(file))
        return cls(file, cases)

    def unrelated(self, case: Case) -> Case:
        """The next case of another subject; the case itself where there is none.

        Where cases do not tell whose picture their reference is, each file is taken for a subject of its own.
        """
        place = self.cases.index(case)
        own = case.subject or case.reference
        following = self.cases[place:] + self.cases[:place]
        return next((one for one in following if (one.subject or one.reference) != own), case)

    def write(self) -> None:
        """Writes the file, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder, self.file.name)
        with whole(self.file) as beside:
            if self.file.suffix == ".parquet":
                _write_parquet(self.cases, beside)
            else:
                lines = [json.dumps(asdict(case), ensure_ascii=False) + "\n" for case in self.cases]
                beside.write_text("".join(lines), encoding="utf-8")


def refuse_same_ids(cases: list[Case], place: str) -> None:
    """Refuses cases that would overwrite each other's fills.

    Raises:
        InputError: two have the same id.
    """
    ids = [case.id for case in cases]
    twice = next((id for id in ids if ids.count(id) > 1), None) if len(set(ids)) < len(ids) else None
    if twice is not None:
        raise InputError(f"{place} has cases of the same id, {twice!r}. Give each an id of its own.")


def checksum(file: Path) -> str:
    """Of a file's bytes.

    Raises:
        MissingFileError: there is no such file.
    """
    if not file.is_file():
        raise MissingFileError(f"There is no picture {file}, which a case names. Put it there.")
    return blake2b(file.read_bytes(), digest_size=8).hexdigest()


def _case(row: dict[str, Any], place: str) -> Case:
    known = {one.name for one in fields(Case)}
    needed = {"id", "kind", "scene", "mask", "reference", "prompt", "class_name"}
    missing, unknown = sorted(needed - row.keys()), sorted(row.keys() - known)
    if missing or unknown:
        problem = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(unknown)}"
        raise InputError(f"{place}: the case {problem}. A case has {', '.join(one.name for one in fields(Case))}.")
    for name, value in row.items():
        if not (_is_texts(value) if name in _DICTS else isinstance(value, str)):
            wanted = "an object of texts" if name in _DICTS else "a text"
            raise InputError(f"{place}: {name} is {value!r}. Write {wanted}.")
    try:
        return Case(**row)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix == ".parquet":
        yield from _parquet_rows(file)
        return
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no text in UTF-8 ({error}). Save it as such.") from error
    # Not splitlines, which also splits at characters that JSON leaves as they are within texts.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{file}, line {number} is no JSON: {error}. Write one case a line.") from error
            if not isinstance(row, dict):
                raise InputError(f"{file}, line {number} is no case but {row!r}. Write one JSON object a line.")
            yield row


_DICTS = ("attributes", "shown", "checksums")
"""Kept as JSON in Parquet, whose columns would otherwise be the union of all keys."""


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _parquet_rows(file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(file).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file} is no Parquet file: {error}") from error
    for number, row in enumerate(rows, start=1):
        try:
            dicts = {name: json.loads(row[name]) for name in _DICTS if name in row}
        except (TypeError, ValueError) as error:
            raise InputError(f"{file}, row {number}: {', '.join(_DICTS)} have to be JSON ({error}).") from error
        yield row | dicts


def _write_parquet(cases: list[Case], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [asdict(case) | {name: json.dumps(getattr(case, name)) for name in _DICTS} for case in cases]
    pq.write_table(pa.Table.from_pylist(rows), path)
