"""Puts a trained checkpoint into the package."""

from pathlib import Path

import torch

from dreaminpainter.checkpoints import load_pipeline

FOLDER = "dreaminpainter/pretrained/critters"


def pack(checkpoint: str = "runs/critters/checkpoints/last.ckpt", output: str = FOLDER) -> None:
    """Writes a checkpoint's averaged weights as a packaged model, in half precision.

    Args:
        checkpoint: what training wrote.
        output: folder to write, in diffusers' layout; its model card is kept.
    """
    load_pipeline(checkpoint).to(torch.float16).save_pretrained(output)
    sizes = {path.relative_to(output): path.stat().st_size for path in sorted(Path(output).rglob("*.safetensors"))}
    for path, size in sizes.items():
        print(f"{size / 1e6:7.2f} MB  {path}")
    print(f"{sum(sizes.values()) / 1e6:7.2f} MB")
