"""What a fill costs: beside diffusers' own pipelines, and with the model in the box in few steps."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch

from benchmarks.contestants import STABLE_DIFFUSION, Scale
from benchmarks.inference_calls import calls
from benchmarks.inference_steps import few_steps
from benchmarks.sections import write_sections

RESULT = "benchmarks/results/inference.md"

Section = Literal["calls", "gpu", "steps"]
TITLES: dict[Section, str] = {
    "calls": "A call, beside diffusers' own",
    "gpu": "The same at the size of Stable Diffusion 1.5",
    "steps": "The model in the box in few steps",
}
_HEAD = """# Inference

Medians, with the least and the greatest in brackets; ratios are taken round by round. Seconds are of time, but on one \
thread of a CPU those of the processor. Written by `python -m benchmarks inference`."""


def inference(
    steps: int = 20,
    repeats: int = 5,
    samples: int = 64,
    only: list[Section] | None = None,
    output: str = RESULT,
) -> None:
    """Measures fills: seconds and memory beside diffusers' pipelines, and what fewer steps cost in quality.

    Args:
        steps: denoising steps beside diffusers, with guidance.
        repeats: how many measurements of each, in turns.
        samples: held-out scenes that the quality of few steps is measured on.
        only: sections to measure; the others stay in the file as they are.
        output: the Markdown file to write.
    """
    sections: dict[Section, Callable[[], Sequence[str]]] = {
        "calls": lambda: calls(Scale(), steps, repeats),
        "gpu": lambda: calls(STABLE_DIFFUSION, steps, repeats) if torch.cuda.is_available() else _NOT_MEASURED,
        "steps": lambda: few_steps(samples, repeats),
    }
    write_sections(Path(output), _HEAD, TITLES, sections, only)


_NOT_MEASURED = ["Not measured: there was no GPU. `python -m benchmarks inference --only [gpu]` measures it on one."]
