"""What a call of the pipeline costs beside diffusers' own, on networks of equal size."""

from datetime import date
from pathlib import Path
from time import perf_counter

from benchmarks.contestants import Call, contestants
from benchmarks.fresh import Gauge, in_fresh_process
from benchmarks.statistics import table
from benchmarks.timing import alternating, machine, ratio, spread

RESULT = "benchmarks/results/pipeline.md"
_HEAD = """# A call of the pipeline, beside diffusers' own

Medians, with the least and the greatest in brackets; ratios are taken round by round. Written by \
`python -m benchmarks pipeline`.
"""


def pipeline(
    size: int = 256,
    channels: tuple[int, ...] = (64, 128, 256, 256),
    steps: int = 10,
    repeats: int = 5,
    output: str = RESULT,
) -> None:
    """Measures seconds and memory of a fill by each pipeline, all on random networks of the same size, on the CPU.

    Args:
        size: side of scene and reference in pixels.
        channels: width of each block of the UNet; four blocks, as Stable Diffusion's.
        steps: denoising steps, with guidance.
        repeats: how many measurements of each, in turns.
        output: the Markdown file to write.
    """
    makers = contestants(size, channels, steps)
    calls = {name: make() for name, make in makers.items()}
    seconds = alternating({name: lambda call=call: _seconds(call) for name, call in calls.items()}, repeats)
    theirs = seconds["StableDiffusionInpaintPipeline"]
    rows = [
        [name, spread(taken), ratio(taken, theirs), f"{in_fresh_process(_peak, name, size, channels, steps):.0f}"]
        for name, taken in seconds.items()
    ]
    text = [
        _HEAD,
        f"Measured on {date.today()} on {machine()}.",
        "",
        f"One picture of {size} px, {steps} steps of DDIM with guidance, a UNet of nine input channels and widths "
        f"{', '.join(map(str, channels))}, float32, random weights of the same sizes. The peak is the memory that "
        "making the pipeline and one call add, in a fresh process each.",
        "",
        *table(["", "seconds a call", "of StableDiffusionInpaintPipeline's", "peak MB"], rows),
        "",
        "The reference is read once a call, by the down stack of the UNet, and its tokens stand beside the text's at "
        "every step; an IP-Adapter reads it by an encoder of its own, Paint-by-Example in place of the text.",
        "",
    ]
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


def _seconds(call: Call) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _peak(name: str, size: int, channels: tuple[int, ...], steps: int) -> float:
    gauge = Gauge()
    contestants(size, channels, steps)[name]()()
    return gauge.read().peak
