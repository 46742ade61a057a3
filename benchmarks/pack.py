"""Puts a trained checkpoint into the package."""

from pathlib import Path

import torch

from dreaminpainter.checkpoints import load_pipeline

FOLDER = "dreaminpainter/pretrained/critters"


def pack(checkpoint: str = "runs/critters/checkpoints/last.ckpt", output: str = FOLDER) -> None:
    """Writes a checkpoint's averaged weights as a packaged model, in half precision; the autoencoder as it is.

    Args:
        checkpoint: what training wrote.
        output: folder to write, in diffusers' layout; its model card is kept.
    """
    pipeline = load_pipeline(checkpoint)
    for part in (pipeline.unet, pipeline.adapter, pipeline.text_encoder):
        part.to(torch.float16)
    pipeline.save_pretrained(output)
    sizes = {path.relative_to(output): path.stat().st_size for path in sorted(Path(output).rglob("*.safetensors"))}
    for path, size in sizes.items():
        print(f"{size / 1e6:7.2f} MB  {path}")
    print(f"{sum(sizes.values()) / 1e6:7.2f} MB")
