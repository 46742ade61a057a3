"""DreamBooth's subjects in other people's scenes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dreaminpainter.data.masking import BoxMask, BrushMask, ExactMask, MaskGenerator
from dreaminpainter.data.segmenting import Segment, Segmenter
from dreaminpainter.data.sources import SegmentationSource
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.evaluation.cases.base import Case, Kind
from dreaminpainter.evaluation.cases.builder import CaseBuilder, copy_picture, save_picture
from dreaminpainter.evaluation.cases.dreambooth_subjects import EDITS, Subject, read_subjects
from dreaminpainter.evaluation.cases.placing import Place, places_in
from dreaminpainter.pictures import open_reference, to_tensor
from dreaminpainter.randomness import sample_key


@dataclass(frozen=True)
class _Asked:
    """One prompt, what it is to find out, and its place in ids."""

    name: str
    kind: Kind
    prompt: str


class DreamBoothCases(CaseBuilder):
    """Subjects x references x scenes x masks x prompts.

    The subjects are those of DreamBooth (Ruiz et al. 2022, arXiv 2208.12242), fetched from
    https://github.com/google/dreambooth. Each goes where some object of a scene is that covers 2 to 50 % of it, in
    scenes drawn for each subject. With the class's name as the prompt a case is of the kind "identity", in a hole of
    `odd_masks` of the kind "mask shape"; with a prompt of `edits` an "edit" in any hole; `class_changes` and
    `contradictions` likewise.

    DreamBooth has no masks. With a segmenter the subject is what it is most sure of, of the subject's class where it
    finds such; without one all of the photograph is the reference, its surroundings too, which favours no method but
    makes figures of identity ones of photographs.

    Args:
        subjects_root: DreamBooth's folder, which holds `dataset/`.
        scenes: where the scenes come from, and the outlines that holes are made of.
        masks: makes the holes, by names of your choice; the object's outline and its box by default.
        odd_masks: the same for holes of a form that is no object's; strokes of a brush by default.
        subjects: which; all by default that are there.
        references_per_subject: photographs of each, the first ones by name; fewer where there are fewer.
        scenes_per_subject: scenes for each, of different pictures.
        edits: prompts for "live" subjects and for an "object", `{}` standing for the class; three of each by default.
        class_changes: prompts that ask for another class, by the name of a subject or a class.
        contradictions: prompts that ask for the opposite of what a subject shows, likewise.
        reference_segmenter: finds the subject in its photographs.
        seed: other seeds give other scenes.

    Raises:
        SettingError: a number is below 1, there is no mask, a mask's name cannot be a file's or is twice there, or
            `edits` has a key other than live and object.
    """

    def __init__(
        self,
        subjects_root: str,
        scenes: SegmentationSource,
        masks: dict[str, MaskGenerator] | None = None,
        odd_masks: dict[str, MaskGenerator] | None = None,
        subjects: list[str] | None = None,
        references_per_subject: int = 1,
        scenes_per_subject: int = 4,
        edits: dict[str, list[str]] | None = None,
        class_changes: dict[str, list[str]] | None = None,
        contradictions: dict[str, list[str]] | None = None,
        reference_segmenter: Segmenter | None = None,
        seed: int = 0,
    ) -> None:
        self.subjects_root = subjects_root
        self.scenes = scenes
        self.masks = {"exact": ExactMask(), "box": BoxMask()} if masks is None else masks
        self.odd_masks = {"odd": BrushMask()} if odd_masks is None else odd_masks
        self.subjects = subjects
        self.references_per_subject = references_per_subject
        self.scenes_per_subject = scenes_per_subject
        self.edits = EDITS if edits is None else edits
        self.class_changes = class_changes or {}
        self.contradictions = contradictions or {}
        self.reference_segmenter = reference_segmenter
        self.seed = seed
        self._check()

    def __len__(self) -> int:
        holes = len(self.masks) + len(self.odd_masks)
        return sum(
            len(self._photographs(subject)) * self.scenes_per_subject * holes * len(self._asked(subject))
            for subject in self._subjects()
        )

    def draw(self, folder: Path) -> Iterator[Case]:
        """As `CaseBuilder.draw` says.

        Raises:
            MissingFileError: a folder of the two data sets is not there.
            InputError: there are too few scenes, or the segmenter finds nothing.
            SettingError: there is no subject of a name that is asked for.
        """
        for subject in self._subjects():
            references = [self._reference(subject, photograph, folder) for photograph in self._photographs(subject)]
            key = sample_key(self.seed, "dreambooth", subject.name)
            for number, place in enumerate(places_in(self.scenes, self.scenes_per_subject, key)):
                scene, holes = self._scene(f"{subject.name}-{number}", place, folder)
                for name, reference, outline in references:
                    for hole, mask in holes.items():
                        for asked in self._asked(subject):
                            is_odd = hole in self.odd_masks and asked.kind == "identity"
                            yield Case(
                                id=f"{name}-{number}-{hole}-{asked.name}",
                                kind="mask shape" if is_odd else asked.kind,
                                scene=scene,
                                mask=mask,
                                reference=reference,
                                reference_mask=outline,
                                prompt=asked.prompt,
                                class_name=subject.class_name,
                                subject=subject.name,
                            )

    def _subjects(self) -> list[Subject]:
        return read_subjects(Path(self.subjects_root), self.subjects)

    def _photographs(self, subject: Subject) -> list[Path]:
        return subject.photographs[: self.references_per_subject]

    def _asked(self, subject: Subject) -> list[_Asked]:
        edits = self.edits.get("live" if subject.is_live else "object", [])
        prompts: dict[str, tuple[Kind, list[str]]] = {
            "edit": ("edit", [edit.replace("{}", subject.class_name) for edit in edits]),
            "change": ("class change", _for(subject, self.class_changes)),
            "contradiction": ("contradiction", _for(subject, self.contradictions)),
        }
        return [_Asked("class", "identity", subject.class_name)] + [
            _Asked(f"{name}{number}", kind, prompt)
            for name, (kind, texts) in prompts.items()
            for number, prompt in enumerate(texts)
        ]

    def _reference(self, subject: Subject, photograph: Path, folder: Path) -> tuple[str, str, str]:
        """A name, the copied picture, and its mask where there is a segmenter."""
        name = f"{subject.name}-{photograph.stem}"
        file = copy_picture(photograph, folder, f"references/{name}")
        if self.reference_segmenter is None:
            return name, file, ""
        picture, _ = open_reference(photograph, [])
        outline = self._outline(to_tensor(picture), subject.class_name, photograph)
        save_picture(outline, folder / f"references/{name}-mask.png")
        return name, file, f"references/{name}-mask.png"

    def _outline(self, picture: Tensor, class_name: str, photograph: Path) -> Tensor:
        assert self.reference_segmenter is not None  # noqa: S101  its caller has seen to that
        (found,) = self.reference_segmenter([picture])
        if not found:
            raise InputError(
                f"The segmenter finds nothing in {photograph}. Lower its threshold, name other subjects, or leave out "
                "reference_segmenter."
            )
        best: Segment = next((one for one in found if one.class_name == class_name), found[0])
        return best.mask

    def _scene(self, name: str, place: Place, folder: Path) -> tuple[str, dict[str, str]]:
        """The scene's file, and those of its holes by the masks' names."""
        scene = f"scenes/{name}.png"
        save_picture(place.picture, folder / scene)
        holes = {}
        for hole, generator in (self.masks | self.odd_masks).items():
            key = torch.tensor([sample_key(self.seed, "dreambooth.hole", place.id, hole)])
            holes[hole] = f"scenes/{name}-{hole}.png"
            save_picture(generator(place.outline[None].float(), key)[0] > 0.5, folder / holes[hole])
        return scene, holes

    def _check(self) -> None:
        if self.references_per_subject < 1 or self.scenes_per_subject < 1:
            raise SettingError(
                f"DreamBoothCases: references_per_subject is {self.references_per_subject} and scenes_per_subject "
                f"{self.scenes_per_subject}; give 1 or more."
            )
        names = [*self.masks, *self.odd_masks]
        unfit = [name for name in names if Path(name).name != name or names.count(name) > 1]
        if unfit or not names:
            told = (
                f"the mask's name {unfit[0]!r} cannot be a file's, or is there twice" if unfit else "there is no mask"
            )
            raise SettingError(f"DreamBoothCases: {told}. Give each mask a name of its own.")
        unknown = sorted(self.edits.keys() - EDITS.keys())
        if unknown:
            raise SettingError(f"DreamBoothCases: edits are for live and object, not for {unknown[0]!r}.")


def _for(subject: Subject, prompts: dict[str, list[str]]) -> list[str]:
    return prompts.get(subject.name, prompts.get(subject.class_name, []))
