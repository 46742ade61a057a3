"""`demo`: trains a tiny model on drawn critters and lays out what it learned, for the eye and in numbers."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything
from PIL import Image
from torch import Tensor

from dreaminpainter.checkpoints import load_pipeline, read_checkpoint, untrained_pipeline
from dreaminpainter.commands import training
from dreaminpainter.commands.curves import loss_panel
from dreaminpainter.pipeline import DreamInpainterPipeline, fill_batch
from dreaminpainter.types import Batch
from dreaminpainter.visualization import grid_picture, mark_tokens, show_hole

CONFIG = "configs/quickstart.yaml"
SAMPLING: dict[str, Any] = {"num_inference_steps": 30, "guidance_scale": 3.0}

USAGE = f"""usage: dreaminpainter demo [any setting of `dreaminpainter fit`]

Trains {CONFIG} on drawn critters (about four minutes), fills held-out scenes and writes a gallery. For example:

  dreaminpainter demo
  dreaminpainter demo --trainer.max_steps 20
  dreaminpainter demo --model.selector.init_args.k 6 --trainer.max_time 00:00:10:00
"""


def run(name: str, arguments: list[str]) -> None:
    """Runs the demo; `arguments` are settings of `fit`, laid over the quickstart config."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    print("1/2  training a tiny model on drawn critters")
    cli = training.run("fit", ["--config", CONFIG, *arguments])
    folder = Path(cli.trainer.default_root_dir)
    checkpoint = folder / "checkpoints" / "last.ckpt"

    print("2/2  filling held-out scenes")
    batch = next(iter(cli.datamodule.test_dataloader()))
    pipeline = load_pipeline(str(checkpoint))
    fills = fill_batch(pipeline, batch, **SAMPLING)
    seed_everything(0, verbose=False)
    untrained = untrained_pipeline(read_checkpoint(str(checkpoint))["model"])
    errors = {
        "this model": hole_error(fills, batch),
        "the scene's mean colour": hole_error(mean_colour(batch), batch),
        "untrained model": hole_error(fill_batch(untrained, batch, **SAMPLING), batch),
    }
    pictures, panel = gallery(pipeline, batch, fills, rows=6), loss_panel(folder / "logs", errors)
    beside(pictures, panel).save(folder / "gallery.png")

    print(
        f"mean absolute error of {len(batch)} fills against the truth, 0 to 1 (seeds, not samples, repeat it exactly):"
    )
    for label, error in errors.items():
        print(f"  {label:24} {error:.3f}")
    print(f"pictures and loss curve: {folder / 'gallery.png'}")
    print(f"checkpoint:              {checkpoint}")


def gallery(pipeline: DreamInpainterPipeline, batch: Batch, fills: Tensor, rows: int) -> Image.Image:
    """One row a sample: scene with hole, reference with its chosen tokens, prompt, result, truth."""
    seen = pipeline(
        prompt=batch.caption,
        image=batch.image,
        mask_image=batch.mask,
        reference_image=batch.reference,
        num_inference_steps=1,
        output_type="latent",
    ).subject
    return grid_picture(
        ["scene with hole", "reference, chosen tokens", "result", "truth"],
        [
            [
                show_hole(batch.image[row], batch.mask[row]),
                mark_tokens(batch.reference.pixels[row], seen.selection.indices[row], seen.features.grid),
                fills[row],
                batch.image[row] / 2 + 0.5,
            ]
            for row in range(min(rows, len(batch)))
        ],
        captions=batch.caption[:rows],
    )


def hole_error(fills: Tensor, batch: Batch) -> float:
    """Mean absolute difference to the truth inside the holes, of pictures in [0, 1]."""
    difference = (fills - (batch.image / 2 + 0.5)).abs().mean(1, keepdim=True)
    return float((difference * batch.mask).sum() / batch.mask.sum())


def mean_colour(batch: Batch) -> Tensor:
    """The scenes, their holes filled with the mean colour of what is around them: the plainest guess there is."""
    around = 1 - batch.mask
    mean = (batch.image * around).sum((2, 3), keepdim=True) / around.sum((2, 3), keepdim=True)
    return torch.where(batch.mask > 0.5, mean, batch.image) / 2 + 0.5


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures side by side on white, the right one at the top."""
    canvas = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "white")
    canvas.paste(left, (0, 0))
    canvas.paste(right, (left.width, 0))
    return canvas
