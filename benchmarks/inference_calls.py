"""What a call of the pipeline costs beside diffusers' own, on networks of equal size."""

import torch

from benchmarks.contestants import Scale, contestants
from benchmarks.fresh import Gauge, in_fresh_process
from benchmarks.statistics import table
from benchmarks.timing import alternating, ratio, seconds, spread

THEIRS = "StableDiffusionInpaintPipeline"


def calls(scale: Scale, steps: int, repeats: int) -> list[str]:
    """The section's lines.

    Args:
        scale: of networks and pictures.
        steps: denoising steps, with guidance.
        repeats: how many measurements of each, in turns.
    """
    fills = {name: make() for name, make in contestants(scale, steps).items()}
    taken = alternating({name: lambda call=call: seconds(call, scale.device) for name, call in fills.items()}, repeats)
    del fills
    rows = [
        [name, spread(own), ratio(own, taken[THEIRS]), f"{in_fresh_process(_peak, name, scale, steps):.0f}"]
        for name, own in taken.items()
    ]
    return [
        f"One picture of {scale.size} px, {steps} steps of DDIM with guidance, a UNet of nine input channels and "
        f"widths {', '.join(map(str, scale.channels))}, {str(scale.dtype).removeprefix('torch.')}, random weights of "
        "the same sizes. The peak is the memory that making the pipeline and one call add, in a fresh process each.",
        "",
        *table(["", "seconds a call", f"of {THEIRS}'s", "peak MB"], rows),
        "",
        "The reference is read once a call, by the down stack of the UNet, and the keys and values of its tokens and "
        "the text's are projected once; an IP-Adapter reads it by an encoder of its own, Paint-by-Example in place of "
        "the text.",
    ]


def _peak(name: str, scale: Scale, steps: int) -> float:
    gauge = Gauge()
    contestants(scale, steps)[name]()()
    return gauge.read().peak if scale.device == "cpu" else torch.cuda.max_memory_allocated() / 1e6
