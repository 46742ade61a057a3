"""Scenes to try, drawn on the spot, for models that know critters."""

from dataclasses import dataclass

import torch
from PIL import Image

from dreaminpainter.app.inputs import Editor, with_paint, without_paint
from dreaminpainter.data.critters import captions
from dreaminpainter.data.masking import LooseBoxMask
from dreaminpainter.data.sources.critters import CrittersSource, Drawing
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.randomness import sample_key
from dreaminpainter.tokenizer import UNKNOWN, spelled_words
from dreaminpainter.visualization import to_image

ENLARGED = 256
"""Side of an example in pixels at least, so that there is something to paint on."""
WISHES = (
    {"hat": "crown", "mouth": "smile", "pose": "wave"},
    {"hat": "woolly cap", "mouth": "open", "pose": "sit"},
    {"hat": "top hat", "mouth": "frown", "pose": "jump"},
    {"hat": "party hat", "mouth": "smile", "pose": "stand"},
)
"""What the prompts ask for, whatever the references show."""


@dataclass(frozen=True)
class Example:
    """Something to fill.

    Args:
        scene: RGB.
        hole: mode "L", of the scene's size.
        reference: RGBA, cut out.
        prompt: what the filled picture shows.
    """

    scene: Image.Image
    hole: Image.Image
    reference: Image.Image
    prompt: str

    def editors(self) -> tuple[Editor, Editor]:
        """The values of the page's two editors."""
        return with_paint(self.scene, self.hole), without_paint(self.reference)

    def thumbnail(self) -> Image.Image:
        """The scene with its hole, and the reference in the corner."""
        composite: Image.Image = with_paint(self.scene, self.hole)["composite"].convert("RGB")
        side = composite.width // 3
        inset = Image.new("RGBA", self.reference.size, "white")
        inset.alpha_composite(self.reference)
        composite.paste(inset.convert("RGB").resize((side, side)), (composite.width - side, composite.height - side))
        return composite


def examples_for(pipeline: DreamInpainterPipeline) -> list[Example]:
    """Scenes of identities that were never trained on; none where the model does not know critters by name."""
    tokenizer = pipeline.tokenizer
    if UNKNOWN not in tokenizer.get_vocab() or spelled_words(tokenizer, "critter"):
        return []
    made_for = pipeline.adapter.config
    source = CrittersSource(
        size=made_for.image_size[0],
        reference_size=made_for.reference_size,
        count=len(WISHES),
        split="test",
        view="cross",
    )
    ids = torch.arange(len(source))
    drawing = source.draw(ids)
    keys = torch.tensor([sample_key(0, "examples", source.id_of(index)) for index in ids.tolist()])
    line = torch.arange(source.size)
    left, top, right, bottom = drawing.subject_box[:, :, None].unbind(1)
    rows, columns = (line >= top) & (line < bottom), (line >= left) & (line < right)
    holes = LooseBoxMask(1.1, 1.25, max_aspect=1.1)((rows[:, None, :, None] & columns[:, None, None, :]).float(), keys)
    wanted = [attributes | wish for attributes, wish in zip(drawing.attributes, WISHES, strict=True)]
    prompts = [texts[0] for texts in captions(wanted, keys)]
    return [_example(drawing, holes, row, prompt) for row, prompt in enumerate(prompts)]


def _example(drawing: Drawing, holes: torch.Tensor, row: int, prompt: str) -> Example:
    scene, hole = to_image(drawing.image[row] / 2 + 0.5), to_image(holes[row].expand(3, -1, -1)).convert("L")
    reference = to_image(drawing.reference_image[row] / 2 + 0.5)
    reference.putalpha(to_image(drawing.reference_mask[row].expand(3, -1, -1)).convert("L"))
    factor = max(1, -(-ENLARGED // scene.width))
    size = (scene.width * factor, scene.height * factor)
    side = max(reference.width, ENLARGED)
    return Example(
        scene=scene.resize(size, Image.Resampling.BICUBIC),
        hole=hole.resize(size, Image.Resampling.NEAREST),
        reference=reference.resize((side, side), Image.Resampling.BICUBIC),
        prompt=prompt,
    )
