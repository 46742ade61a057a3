"""Pictures to inpaint, and the command called as a user does."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from dreaminpainter.cli import main


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def ellipse(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def inpaint(checkpoint: str, files: dict[str, str], **settings: Any) -> int:
    given = {"checkpoint": checkpoint, "prompt": "a critter waves", "num_inference_steps": 2, "device": "cpu"}
    words = (given | files | settings).items()
    return main(["inpaint", *(word for name, value in words for word in (f"--{name}", str(value)))])


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))
