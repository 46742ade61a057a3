"""What makes cases."""

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image
from torch import Tensor
from tqdm import tqdm

from dreaminpainter.atomic import whole
from dreaminpainter.components import Component, describe
from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.evaluation.cases.base import Case, CaseSet, checksum, refuse_same_ids

CASES, SETTINGS = "cases.jsonl", "builder.json"


class CaseBuilder(Component, ABC):
    """Makes cases and writes their pictures."""

    @abstractmethod
    def __len__(self) -> int:
        """How many cases it makes."""

    @abstractmethod
    def draw(self, folder: Path) -> Iterator[Case]:
        """Writes the pictures of each case into `folder` and yields the case, its pictures named relative to it."""

    def build(self, folder: Path) -> CaseSet:
        """The cases in `folder`, made where they are not there yet.

        Raises:
            InputError: the folder holds cases that were made with other settings; or the builder made another number
                of cases than it announced, or two of the same id.
        """
        settings = json.dumps(describe(self), indent=2)
        place = folder / SETTINGS
        if place.is_file() and (folder / CASES).is_file():
            if place.read_text(encoding="utf-8") != settings:
                raise InputError(
                    f"{folder} holds cases of other settings than these ({place} tells which). Give another output "
                    "folder, or delete that one."
                )
            return CaseSet.read(folder / CASES)
        folder.mkdir(parents=True, exist_ok=True)
        drawn = [_with_checksums(case, folder) for case in tqdm(self.draw(folder), "cases", len(self), leave=False)]
        if len(drawn) != len(self):
            raise InputError(f"{type(self).__name__} announced {len(self)} cases and made {len(drawn)}.")
        refuse_same_ids(drawn, type(self).__name__)
        cases = CaseSet(folder / CASES, drawn)
        with whole(place) as beside:
            beside.write_text(settings, encoding="utf-8")
        cases.write()
        return cases


class WrittenCases(CaseBuilder):
    """Cases that somebody wrote into a file.

    Args:
        file: .jsonl or .parquet, pictures named relative to it, in its folder. Checksums may be left out.

    Raises:
        MissingFileError: there is no such file.
    """

    def __init__(self, file: str) -> None:
        self.file = file

    def __len__(self) -> int:
        return len(CaseSet.read(Path(self.file)))

    def draw(self, folder: Path) -> Iterator[Case]:
        yield from CaseSet.read(Path(self.file)).cases

    def build(self, folder: Path) -> CaseSet:
        """The cases as they are, with the checksums that they lack; nothing is written into `folder`."""
        cases = CaseSet.read(Path(self.file))
        return CaseSet(cases.file, [_with_checksums(case, cases.folder) for case in cases.cases])


def save_picture(levels: Tensor, path: Path) -> None:
    """Writes (3, H, W) uint8 as an RGB, or (1, H, W) bool as a black and white PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if levels.shape[0] == 1:
        Image.fromarray((levels[0].byte() * 255).numpy(), "L").save(path)
    else:
        Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy()).save(path)


def copy_picture(file: Path, folder: Path, name: str) -> str:
    """Copies a picture's file, as it is, to `folder/name` with the file's own ending; returns the name with it.

    Raises:
        MissingFileError: there is no such file.
    """
    if not file.is_file():
        raise MissingFileError(f"There is no picture {file}, which a case needs. Put it there.")
    name += file.suffix.lower()
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / name)
    return name


def _with_checksums(case: Case, folder: Path) -> Case:
    """The case with a checksum of every picture; those that it has stay, so that a picture that changed is refused."""
    missing = {name: file for name, file in case.files().items() if name not in case.checksums}
    return replace(case, checksums=case.checksums | {name: checksum(folder / file) for name, file in missing.items()})
