"""Run as a program where `dreaminpainter` cannot be imported: fills a hole, and saves the pipeline again.

python plain_diffusers.py FOLDER FILL.npy AGAIN
"""

import sys

import numpy as np
import torch
from diffusers import DiffusionPipeline


def arguments() -> dict:
    """What is filled, here and where the package is."""
    draw = np.random.default_rng(0)
    mask = torch.zeros(1, 32, 32)
    mask[:, 6:20, 5:27] = 1
    return {
        "prompt": "a critter waves",
        "image": torch.from_numpy(draw.random((3, 32, 32), dtype=np.float32)),
        "mask_image": mask,
        "reference_image": torch.from_numpy(draw.random((3, 64, 64), dtype=np.float32)),
        "num_inference_steps": 2,
        "generator": torch.Generator().manual_seed(0),
        "output_type": "np",
    }


if __name__ == "__main__":
    sys.modules["dreaminpainter"] = None  # type: ignore[assignment]  importing it is an error from here on
    folder, fill, again = sys.argv[1:]
    pipeline = DiffusionPipeline.from_pretrained(folder, trust_remote_code=True)
    np.save(fill, pipeline(**arguments()).images)
    pipeline.save_pretrained(again)
    assert not [name for name in sys.modules if name.startswith("dreaminpainter.")]
