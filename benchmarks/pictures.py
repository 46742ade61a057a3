"""The README's pictures, made by the model in the box as the `inpaint` command would make them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_tensor

from benchmarks.critters import cases, held_out
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.data.critters import captions
from dreaminpainter.data.critters.attributes import words
from dreaminpainter.data.sources.critters import CrittersSource
from dreaminpainter.pictures import open_mask, open_reference, open_scene
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.visualization import grid_picture, show_hole, to_image

FOLDER = "docs/images"
WISHES = (
    {"hat": "crown", "mouth": "smile", "pose": "wave"},
    {"hat": "woolly cap", "mouth": "open", "pose": "sit"},
)
"""What the first prompts ask for, whatever the reference shows."""
OPPOSITES: dict[str, dict[str, str]] = {
    "hat": {"none": "top hat", "top hat": "party hat", "crown": "top hat", "party hat": "none", "woolly cap": "crown"},
    "mouth": {"smile": "frown", "open": "frown", "frown": "smile"},
    "pose": {"stand": "jump", "wave": "sit", "jump": "sit", "sit": "jump"},
}
"""What the last prompt asks for: everything else than the reference shows."""


@dataclass
class Example:
    """A held-out scene and its reference, as files.

    Args:
        folder: where scene.png, mask.png and reference.png are.
        attributes: of the scene, in words.
        shown: of the reference.
        key: (1,) which chooses the captions' words.
    """

    folder: Path
    attributes: dict[str, str]
    shown: dict[str, str]
    key: Tensor

    def prompt(self, wish: dict[str, str]) -> str:
        """A caption of the scene with what is wished for in place of what is there."""
        return captions([self.attributes | wish], self.key)[0][0]

    def fill(self, pipeline: DreamInpainterPipeline, prompt: str, k: int | None = None) -> Tensor:
        """(3, H, W) in [0, 1], as `dreaminpainter inpaint` with its own settings fills it."""
        notes: list[str] = []
        scene = open_scene(str(self.folder / "scene.png"), notes)
        subject, outline = open_reference(str(self.folder / "reference.png"), notes)
        mask = open_mask(str(self.folder / "mask.png"), notes, size=scene.size)
        seeded = torch.Generator().manual_seed(0)
        result = pipeline(prompt, scene, mask, subject, outline, k=k, generator=seeded, output_type="pil")
        return to_tensor(result.images[0])

    def hole(self) -> Tensor:
        """(3, H, W) in [0, 1], the scene with its hole hatched."""
        scene = to_tensor(Image.open(self.folder / "scene.png"))
        return show_hole(scene * 2 - 1, to_tensor(Image.open(self.folder / "mask.png")))

    def reference(self) -> Tensor:
        """(3, H, W) in [0, 1], the reference on white."""
        picture = Image.open(self.folder / "reference.png")
        white = Image.new("RGBA", picture.size, "white")
        return to_tensor(Image.alpha_composite(white, picture).convert("RGB"))


def pictures(model: str = "critters", output: str = FOLDER, count: int = 3, cell: int = 256) -> None:
    """Makes the README's pictures: a grid over prompts, and a strip over K (as the paper's Fig. 7).

    The scenes are the first ones of the test split, whichever these are.

    Args:
        model: checkpoint, folder or packaged name.
        output: folder of the pictures; the examples' files come into `examples/` within it.
        count: how many scenes.
        cell: side of each picture in pixels.
    """
    pipeline = load_pipeline(model)
    pipeline.set_progress_bar_config(disable=True)
    examples = write_examples(Path(output) / "examples", held_out(pipeline, count))
    rows, texts = [], []
    for example in examples:
        against = {name: opposites[example.shown[name]] for name, opposites in OPPOSITES.items()}
        prompts = [example.prompt(wish) for wish in (*WISHES, against)]
        fills = [example.fill(pipeline, prompt) for prompt in prompts]
        rows.append([example.hole(), example.reference(), *fills])
        texts.append(" · ".join(prompts))
        to_image(fills[0]).save(example.folder / "filled.png")
    titles = [" · ".join(wish.values()) for wish in WISHES]
    grid: Any = grid_picture(["scene with hole", "reference", *titles, "against the reference"], rows, texts, cell)
    grid.save(Path(output) / "critters.png", optimize=True)
    ks = (1, 6, 24, 64, 256)
    strip = [
        [example.reference(), *(example.fill(pipeline, example.prompt(WISHES[0]), k) for k in ks)]
        for example in examples[:2]
    ]
    titles = ["reference", *(f"K = {k}" for k in ks[:-1]), f"all {ks[-1]}"]
    over_k: Any = grid_picture(titles, strip, [""] * len(strip), cell * 5 // 6)
    over_k.save(Path(output) / "critters-k.png", optimize=True)


def write_examples(folder: Path, source: CrittersSource) -> list[Example]:
    """Writes scene.png (its hole grey), mask.png and reference.png (cut out by its alpha) of the source's scenes."""
    batch, _, _ = cases(source, torch.arange(len(source)))
    drawing = source.draw(torch.arange(len(source)))
    shown = words(drawing.reference_codes)
    examples = []
    for row in range(len(source)):
        place = folder / str(row + 1)
        place.mkdir(parents=True, exist_ok=True)
        hole = batch.mask[row]
        to_image((batch.image[row] * (1 - hole)) / 2 + 0.5).save(place / "scene.png")
        to_image(hole.expand(3, -1, -1)).convert("L").save(place / "mask.png")
        subject = to_image(drawing.reference_image[row] / 2 + 0.5)
        subject.putalpha(to_image(drawing.reference_mask[row].expand(3, -1, -1)).convert("L"))
        subject.save(place / "reference.png")
        examples.append(Example(place, drawing.attributes[row], shown[row], batch.key[row : row + 1]))
    return examples
