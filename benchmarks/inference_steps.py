"""What fewer steps, other schedulers and a cache over steps make of the model in the box, in seconds and in quality."""

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

CACHED = (2, 3)
"""In how many steps attention is computed once, with the first of the ways."""


def few_steps(samples: int, repeats: int, model: str = "critters") -> list[str]:
    """The section's lines.

    Args:
        samples: held-out scenes that quality is measured on.
        repeats: how many measurements of the seconds of one fill, in turns.
        model: checkpoint, folder or packaged name.
    """
    ways = {f"{name}, {steps} steps": Way(model, name, steps) for name, counts in WAYS for steps in counts}
    first, (most, *_) = WAYS[0]
    for skip in CACHED:
        ways[f"{first}, {most} steps, attention every {skip}"] = Cached(model, first, most, skip)
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
        f"{samples} held-out scenes, each filled from the same noise by all. *Attention every n*: diffusers' "
        "`PyramidAttentionBroadcastConfig`, by `unet.enable_cache`, over all but the first tenth of the noise.",
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


class Cached(Way):
    """The same with attention that is computed in some of the steps, and used again in the others.

    Args:
        model: checkpoint, folder or packaged name.
        scheduler: name of a scheduler of diffusers.
        steps: how many it makes.
        skip: in how many of them attention is computed once.
    """

    def __init__(self, model: str, scheduler: str, steps: int, skip: int) -> None:
        super().__init__(model, scheduler, steps)
        late, layers = (-1, 900), ("attentions",)
        self.pipeline.unet.enable_cache(
            diffusers.PyramidAttentionBroadcastConfig(
                spatial_attention_block_skip_range=skip,
                spatial_attention_timestep_skip_range=late,
                spatial_attention_block_identifiers=layers,
                cross_attention_block_skip_range=skip,
                cross_attention_timestep_skip_range=late,
                cross_attention_block_identifiers=layers,
                current_timestep_callback=lambda: self.pipeline.current_timestep,
            )
        )
