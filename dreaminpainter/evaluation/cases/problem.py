"""A case with its pictures opened."""

from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from dreaminpainter.errors import InputError
from dreaminpainter.evaluation.cases.base import Case, CaseSet, checksum
from dreaminpainter.pictures import open_mask, open_reference, open_scene


@dataclass
class Problem:
    """What a method is given.

    Args:
        case: the case.
        scene: RGB; a method that is honest does not look into the hole.
        mask: "L", 0 and 255, white is filled.
        reference: RGB.
        reference_mask: "L", white on the subject.
        truth: RGB, where it is known.
    """

    case: Case
    scene: Image.Image
    mask: Image.Image
    reference: Image.Image
    reference_mask: Image.Image
    truth: Image.Image | None


def open_problem(cases: CaseSet, case: Case) -> Problem:
    """Opens the pictures of a case.

    Raises:
        MissingFileError: a picture is not there.
        InputError: a picture is damaged, or another than when the case was written.
    """
    notes: list[str] = []
    paths = {name: cases.folder / file for name, file in case.files().items()}
    scene = open_scene(paths["scene"], notes)
    mask = open_mask(paths["mask"], notes, size=scene.size)
    reference, outline = open_reference(paths["reference"], notes, mask_path=paths.get("reference_mask"))
    refuse_changed(cases, case, paths)
    truth = open_scene(paths["truth"], notes) if "truth" in paths else None
    if truth is not None and truth.size != scene.size:
        raise InputError(f"{paths['truth']} is of another size than its scene {paths['scene']}.")
    return Problem(case, scene, mask, reference, outline or Image.new("L", reference.size, 255), truth)


def refuse_changed(cases: CaseSet, case: Case, names: Iterable[str]) -> None:
    """Refuses pictures of a case, by their fields, that are not those that it was written with.

    Raises:
        InputError: there is one.
    """
    files = case.files()
    for name in names:
        if name in files and name in case.checksums and checksum(cases.folder / files[name]) != case.checksums[name]:
            raise InputError(
                f"{cases.folder / files[name]} is not the picture that the case {case.id} was made with. Build the "
                "cases anew."
            )
