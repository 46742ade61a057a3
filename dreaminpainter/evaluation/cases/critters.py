"""Cases that are drawn: what a right fill shows is known exactly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch

from dreaminpainter.data.critters.attributes import IDENTITY, TEXT, words
from dreaminpainter.data.critters.captions import CLASS_NAME
from dreaminpainter.data.masking import LooseBoxMask, MaskGenerator
from dreaminpainter.data.masking.painting import fill_boxes
from dreaminpainter.data.sources import CrittersSource
from dreaminpainter.evaluation.cases.base import Case
from dreaminpainter.evaluation.cases.builder import CaseBuilder, save_picture
from dreaminpainter.levels import to_levels
from dreaminpainter.randomness import sample_key


class CrittersCases(CaseBuilder):
    """Scenes of drawn creatures, by default of identities that the packaged model never saw.

    The prompt is the scene's caption. In cross view the reference shows its own hat, mouth and pose: where all three
    differ from what the prompt asks for, the case is a "contradiction", else an "edit". In same view it is "identity".

    Args:
        count: how many cases.
        size: side of a scene in pixels; by default that of the model in the box.
        reference_size: side of a reference in pixels.
        split: whose identities.
        view: what the reference shows, see `CrittersSource`.
        seed: other seeds give other scenes.
        mask: makes the hole from the box around critter, hat and ride.

    Example:
        >>> import tempfile
        >>> cases = CrittersCases(count=2, size=32, reference_size=32).build(Path(tempfile.mkdtemp()))
        >>> len(cases), sorted(cases.cases[0].files())
        (2, ['mask', 'reference', 'reference_mask', 'scene', 'truth'])
    """

    def __init__(
        self,
        count: int = 64,
        size: int = 128,
        reference_size: int = 128,
        split: Literal["train", "validation", "test"] = "test",
        view: Literal["same", "cross"] = "cross",
        seed: int = 0,
        mask: MaskGenerator | None = None,
    ) -> None:
        self.count = count
        self.size = size
        self.reference_size = reference_size
        self.split = split
        self.view = view
        self.seed = seed
        self.mask = mask or LooseBoxMask(1.2, 1.8)

    def __len__(self) -> int:
        return self.count

    def draw(self, folder: Path) -> Iterator[Case]:
        source = CrittersSource(
            self.size, self.reference_size, self.count, self.split, self.view, self.seed, 1, reference_supersample=1
        )
        for index in range(self.count):
            drawing, id = source.draw(torch.tensor([index])), source.id_of(index)
            key = torch.tensor([sample_key(0, "benchmark", id)])
            outline = fill_boxes(drawing.subject_box, drawing.mask)
            pictures = {
                "scene": to_levels(drawing.image[0]),
                "mask": self.mask(outline, key)[0] > 0.5,
                "reference": to_levels(drawing.reference_image[0]),
                "reference_mask": drawing.reference_mask[0] > 0.5,
            }
            files = {name: f"pictures/{id}-{name}.png" for name in pictures}
            for name, picture in pictures.items():
                save_picture(picture, folder / files[name])
            asked, shown = drawing.attributes[0], words(drawing.reference_codes)[0]
            opposed = all(asked[name] != shown[name] for name in ("hat", "mouth", "pose"))
            yield Case(
                id=id,
                kind="identity" if self.view == "same" else "contradiction" if opposed else "edit",
                prompt=drawing.captions[0][0],
                class_name=CLASS_NAME,
                scene=files["scene"],
                mask=files["mask"],
                reference=files["reference"],
                reference_mask=files["reference_mask"],
                truth=files["scene"],
                subject=" ".join(asked[name] for name in IDENTITY),
                attributes={name: asked[name] for name in (*IDENTITY, *TEXT)},
                shown={name: shown[name] for name in (*IDENTITY, *TEXT)},
            )
