"""One fill from files to files: what `inpaint` does for one picture and for each of many."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image, ImageChops

from dreaminpainter.commands.references import cut_reference
from dreaminpainter.commands.requests import Request
from dreaminpainter.data.segmenting import Segmenter
from dreaminpainter.pictures import open_mask, open_reference, open_scene_and_alpha
from dreaminpainter.pipeline import DreamInpainterOutput, DreamInpainterPipeline
from dreaminpainter.tokenizer import spelled_words


@dataclass
class Filled:
    """What came of it.

    Args:
        images: the filled pictures, with the scene's alpha and colour profile as they are to be saved.
        output: all that the pipeline returned.
        notes: a sentence for each conversion.
    """

    images: list[Image.Image]
    output: DreamInpainterOutput
    notes: list[str]


@dataclass
class Filler:
    """Fills requests by one pipeline.

    Args:
        pipeline: what fills.
        settings: further arguments of its call.
        seed: of the first fill of each request; the next ones count on from it.
        fills: how many fills a request gets.
        reference_box: part of the reference that is the subject, in pixels.
        segmenter: finds the subject in references without mask and alpha.
    """

    pipeline: DreamInpainterPipeline
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    fills: int = 1
    reference_box: tuple[int, int, int, int] | None = None
    segmenter: Segmenter | None = None

    def __call__(self, request: Request) -> Filled:
        """The fills.

        Raises:
            MissingFileError: a file is not there.
            InputError: a picture cannot be used.
            SettingError: a setting of the pipeline is out of its range.
        """
        notes: list[str] = []
        scene, alpha = open_scene_and_alpha(request.image, notes)
        hole = open_mask(request.mask_image, notes, size=scene.size)
        subject, mask = open_reference(request.reference_image, notes, mask_path=request.reference_mask)
        subject, mask = cut_reference(subject, mask, self.reference_box, self.segmenter, str(request.reference_image))
        unknown = spelled_words(self.pipeline.tokenizer, request.prompt)
        if unknown:
            notes.append(f"This model never learned the words {', '.join(unknown)}; it reads them letter by letter.")
        filled = self.pipeline(
            prompt=request.prompt,
            image=scene,
            mask_image=hole,
            reference_image=subject,
            reference_mask=mask,
            num_images_per_prompt=self.fills,
            generator=[torch.Generator().manual_seed(self.seed + number) for number in range(self.fills)],
            **self.settings,
        )
        output = cast(DreamInpainterOutput, filled)
        for image in output.images:
            if alpha is not None:
                image.putalpha(ImageChops.lighter(alpha, hole))
            image.info.update(scene.info)
        return Filled(output.images, output, notes)


def save(filled: Filled, path: Path) -> list[Path]:
    """Writes the fills as PNG: to `path`, or where there are several, to paths that are numbered from 1."""
    several = len(filled.images) > 1
    paths = [
        path.with_name(f"{path.stem}_{number}.png") if several else path
        for number, _ in enumerate(filled.images, start=1)
    ]
    for image, place in zip(filled.images, paths, strict=True):
        image.save(place, icc_profile=image.info.get("icc_profile"))
    return paths
