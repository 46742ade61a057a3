"""Puts a trained checkpoint into the package."""

from pathlib import Path

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.exporting import CARD, write_model

FOLDER = "dreaminpainter/pretrained/critters"


def pack(checkpoint: str = "runs/critters/checkpoints/last.ckpt", output: str = FOLDER) -> None:
    """Writes a checkpoint's averaged weights as a packaged model, in half precision; the autoencoder as it is.

    It goes without the code that other exports carry, since it lies beside it.

    Args:
        checkpoint: what training wrote.
        output: folder to write, in diffusers' layout; its model card is kept.
    """
    written = Path(output, CARD)
    card = written.read_text(encoding="utf-8") if written.is_file() else None
    write_model(load_pipeline(checkpoint), Path(output), card, half=True, with_code=False)
    sizes = {path.relative_to(output): path.stat().st_size for path in sorted(Path(output).rglob("*.safetensors"))}
    for path, size in sizes.items():
        print(f"{size / 1e6:7.2f} MB  {path}")
    print(f"{sum(sizes.values()) / 1e6:7.2f} MB")
