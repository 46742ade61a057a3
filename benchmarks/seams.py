"""The picture of the docs that shows what feathering and colour matching do at the seam."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.critters import cases, held_out
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.visualization import grid_picture, show_hole

WAYS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "feather=4": {"feather": 4},
    "match_colours": {"match_colours": True},
    "both": {"feather": 4, "match_colours": True},
}


def seams(model: str = "critters", output: str = "docs/images/seams.png", count: int = 3, cell: int = 224) -> None:
    """Fills scenes with and without feathering and colour matching, all else being equal.

    Args:
        model: checkpoint, folder or packaged name.
        output: the PNG to write.
        count: how many scenes.
        cell: side of each picture in pixels.
    """
    pipeline = load_pipeline(model)
    pipeline.set_progress_bar_config(disable=True)
    batch, _, _ = cases(held_out(pipeline, count), torch.arange(count))

    def fills(settings: dict[str, Any]) -> Tensor:
        generators = [torch.Generator().manual_seed(row) for row in range(count)]
        filled = pipeline(
            batch.caption,
            batch.image / 2 + 0.5,
            batch.mask,
            batch.reference,
            generator=generators,
            output_type="pt",
            return_dict=False,
            **settings,
        )
        images: Tensor = filled[0]
        return images

    columns = [fills(settings) for settings in WAYS.values()]
    rows = [
        [show_hole(batch.image[row], batch.mask[row]), *(column[row] for column in columns)] for row in range(count)
    ]
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    grid_picture(["scene with hole", *WAYS], rows, [""] * count, cell).save(output, optimize=True)
    print(f"written: {output}")
