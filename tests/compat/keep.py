"""Keeps what this version writes, for the versions after it: `python tests/compat/keep.py 0.1.0`, from the root."""

import shutil
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import torch
from PIL import Image, ImageDraw

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.cli import main

HERE = Path(__file__).parent
RUN = Path("runs/compat")
KINDS = ("last.ckpt", "export")


def fill(model: str) -> Image.Image:
    """What a kept model fills a scene with, from a seed."""
    levels = np.random.default_rng(0)
    scene, subject = (Image.fromarray(levels.integers(0, 256, (32, 32, 3), np.uint8)) for _ in range(2))
    hole = Image.new("L", scene.size)
    ImageDraw.Draw(hole).ellipse((4, 4, 27, 27), fill=255)
    pipeline = load_pipeline(model)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    picture: Image.Image = pipeline(
        "a critter waves", scene, hole, subject, num_inference_steps=2, generator=generator
    ).images[0]
    return picture


def keep(version: str) -> None:
    """Trains, exports, fills, and puts all of it into `version/`."""
    folder, checkpoint = HERE / version, RUN / "checkpoints" / "last.ckpt"
    shutil.rmtree(RUN, ignore_errors=True)
    main(["fit", "--config", "configs/quickstart.yaml", "--config", str(folder / "small.yaml")])
    main(["export", str(checkpoint), str(RUN / "export")])
    shutil.copy(RUN / "logs" / "config.yaml", folder)
    with ZipFile(folder / "written.zip", "w", ZIP_DEFLATED) as archive:
        archive.write(checkpoint, "last.ckpt")
        for path in sorted((RUN / "export").rglob("*")):
            archive.write(path, path.relative_to(RUN))
    fill(str(checkpoint)).save(folder / "filled.png")


if __name__ == "__main__":
    keep(sys.argv[1])
