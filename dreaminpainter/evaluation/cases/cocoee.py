"""COCOEE: the benchmark that came with Paint-by-Example."""

from collections.abc import Iterator
from pathlib import Path

from dreaminpainter.data.sources.files import required
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.evaluation.cases.base import Case
from dreaminpainter.evaluation.cases.builder import CaseBuilder, copy_picture

SCENES, MASKS, REFERENCES = "GT_3500", "Mask_bbox_3500", "Ref_3500"
_LAYOUT = (
    "Fetch the test bench that https://github.com/Fantasy-Studio/Paint-by-Example links to, and unpack it so that the "
    f"root holds {SCENES}, {MASKS} and {REFERENCES}"
)


class CocoeeCases(CaseBuilder):
    """COCO Exemplar-based image Editing (Yang et al. 2022, arXiv 2211.13227): 3,500 photographs of COCO's validation.

    Each has a box to be filled and the picture of another object of that kind, in the published layout:

        root/GT_3500/000000000000_GT.png             the scene
        root/Mask_bbox_3500/000000000000_mask.png    the box, white
        root/Ref_3500/000000000000_ref.png           the reference, all of it

    It has neither classes nor texts, so that all cases have one prompt, empty unless told otherwise, and are of the
    kind "identity". With an empty prompt figures of text mean nothing. Pictures are copied beside the cases (2 GB).

    Args:
        root: the folder of the three.
        prompt: what methods that read text are told.
        count: so many cases, the first ones by name; all by default.

    Raises:
        SettingError: no case is asked for.
    """

    def __init__(self, root: str, prompt: str = "", count: int | None = None) -> None:
        if count is not None and count < 1:
            raise SettingError(f"CocoeeCases: count is {count}; give 1 or more, or null for all.")
        self.root = root
        self.prompt = prompt
        self.count = count

    def __len__(self) -> int:
        return len(self._ids())

    def draw(self, folder: Path) -> Iterator[Case]:
        """As `CaseBuilder.draw` says.

        Raises:
            MissingFileError: the layout is another, or a mask or reference is not there.
            InputError: there is no scene.
        """
        root = Path(self.root)
        for id in self._ids():
            yield Case(
                id=id,
                kind="identity",
                scene=copy_picture(root / SCENES / f"{id}_GT.png", folder, f"pictures/{id}-scene"),
                mask=copy_picture(root / MASKS / f"{id}_mask.png", folder, f"pictures/{id}-mask"),
                reference=copy_picture(root / REFERENCES / f"{id}_ref.png", folder, f"pictures/{id}-reference"),
                prompt=self.prompt,
                class_name="object",
                subject=id,
            )

    def _ids(self) -> list[str]:
        scenes = required(Path(self.root) / SCENES, _LAYOUT)
        ids = sorted(path.name.removesuffix("_GT.png") for path in scenes.glob("*_GT.png"))
        if not ids:
            raise InputError(f"{scenes} holds no NUMBER_GT.png. {_LAYOUT}.")
        return ids[: self.count]
