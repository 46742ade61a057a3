"""What fewer steps and other schedulers make of the model in the box, in seconds and in quality."""

from typing import Any

import diffusers
import torch

from benchmarks.critters import cases, held_out, measure
from benchmarks.methods import Model
from benchmarks.probes import FOLDER as PROBES
from benchmarks.statistics import percent, table
from benchmarks.timing import alternating, seconds, spread
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.data.critters.attributes import IDENTITY
from dreaminpainter.evaluation import AttributeProbes
from dreaminpainter.evaluation.metrics.attributes import FOLLOWED

WAYS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("DDIMScheduler", (10, 6, 4)),
    ("DPMSolverMultistepScheduler", (6, 4)),
    ("UniPCMultistepScheduler", (6, 4)),
)
"""Schedulers of diffusers with the numbers of steps; the first is what the model was made for."""


def few_steps(samples: int, repeats: int, model: str = "critters") -> list[str]:
    """The section's lines.

    Args:
        samples: held-out scenes that quality is measured on.
        repeats: how many measurements of the seconds of one fill, in turns.
        model: checkpoint, folder or packaged name.
    """
    ways = {f"{name}, {steps} steps": Way(model, name, steps) for name, counts in WAYS for steps in counts}
    source = held_out(next(iter(ways.values())).pipeline, samples)
    judge = AttributeProbes.from_pretrained(PROBES, dtype=torch.float32).eval()
    scores, _ = measure(dict(ways), judge, source, batch_size=32)
    one, _, _ = cases(source, torch.arange(1))
    taken = alternating({name: lambda way=way: seconds(lambda: way(one)) for name, way in ways.items()}, repeats)
    rows = [
        [name, spread(taken[name]), percent(scores[name].mean(IDENTITY)), percent(scores[name].mean(FOLLOWED))]
        for name in ways
    ]
    return [
        f"Seconds of one fill, guidance included; *reference* and *text* as in [critters.md](critters.md), on "
        f"{samples} held-out scenes, each filled from the same noise by all.",
        "",
        *table(["", "seconds a fill", "reference", "text"], rows),
    ]


class Way(Model):
    """The model with another scheduler.

    Args:
        model: checkpoint, folder or packaged name.
        scheduler: name of a scheduler of diffusers.
        steps: how many it makes.
    """

    def __init__(self, model: str, scheduler: str, steps: int) -> None:
        pipeline = load_pipeline(model)
        pipeline.set_progress_bar_config(disable=True)
        kind: Any = getattr(diffusers, scheduler)
        pipeline.scheduler = kind.from_config(pipeline.scheduler.config)
        super().__init__(pipeline, num_inference_steps=steps)
