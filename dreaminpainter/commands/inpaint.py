"""`inpaint`: fills the hole of one picture with the subject of another."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from jsonargparse import auto_cli

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.commands.devices import chosen_device
from dreaminpainter.errors import SettingError
from dreaminpainter.pictures import open_mask, open_reference, open_scene
from dreaminpainter.pretrained import CRITTERS
from dreaminpainter.tokenizer import spelled_words
from dreaminpainter.visualization import mark_tokens, to_image


def inpaint(
    image: str,
    mask_image: str,
    reference_image: str,
    prompt: str,
    checkpoint: str = CRITTERS,
    output: str = "filled.png",
    reference_mask: str | None = None,
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    seed: int = 0,
    k: int | None = None,
    height: int | None = None,
    width: int | None = None,
    explain: str | None = None,
    device: str = "auto",
) -> None:
    """Fills the white of a mask with the subject of a reference picture, doing what the prompt says.

    Every pixel outside the mask is written as it was read.

    Args:
        image: the scene, a picture file of any size and orientation.
        mask_image: black and white, of the scene's size; white is filled.
        reference_image: a picture of the subject; its transparency, or reference_mask, cuts it out.
        prompt: what the filled picture shows.
        checkpoint: a training checkpoint (RUN/checkpoints/last.ckpt), the folder of a saved pipeline, or "critters",
            the model of drawn creatures that comes with the package.
        output: the PNG to write.
        reference_mask: black and white, of the reference's size; white is the subject.
        num_inference_steps: denoising steps; more is slower and finer. By default what the model was made for.
        guidance_scale: how strongly the text is followed; by default what the model was made for. The paper's is 7.5.
        seed: the same seed and settings give the same picture.
        k: how many tokens stand for the subject; the trained number where left out.
        height: height that the network works at, where it shall not be found from the picture's shape.
        width: likewise.
        explain: also write a picture of the tokens that were chosen to this PNG.
        device: "cpu", "cuda", "mps", or "auto" for the fastest there is.
    """
    for name, path in {"output": output, "explain": explain}.items():
        if path is None:
            continue
        if Path(path).suffix.lower() != ".png":
            raise SettingError(
                f"{name}={path} is no .png; other formats would change the pixels outside the mask. Name a .png file."
            )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    notes: list[str] = []
    scene = open_scene(image, notes)
    hole = open_mask(mask_image, notes, size=scene.size)
    subject, subject_mask = open_reference(reference_image, notes, mask_path=reference_mask)
    pipeline = load_pipeline(checkpoint).to(chosen_device(device))
    unknown = spelled_words(pipeline.tokenizer, prompt)
    if unknown:
        notes.append(f"This model never learned the words {', '.join(unknown)}; it reads them letter by letter.")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)

    result = pipeline(
        prompt=prompt,
        image=scene,
        mask_image=hole,
        reference_image=subject,
        reference_mask=subject_mask,
        height=height,
        width=width,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        k=k,
        generator=torch.Generator().manual_seed(seed),
    )
    result.images[0].save(output, icc_profile=scene.info.get("icc_profile"))
    print(f"filled: {output}")
    if explain is not None:
        chosen, grid = result.subject.selection.indices[0], result.subject.features.grid
        # Enlarged, so that each chosen cell has room for its rank.
        reference = F.interpolate(result.reference[:1], 512, mode="bilinear")[0]
        marked = mark_tokens(reference, chosen, grid, result.subject.features.has_class_token)
        to_image(marked).save(explain)
        print(f"chosen tokens: {explain}")


def run(name: str, arguments: list[str]) -> None:
    """Runs the command with the given arguments."""
    auto_cli(inpaint, args=arguments, prog=f"dreaminpainter {name}", as_positional=False)
