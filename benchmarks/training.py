"""A training step beside plain loops of diffusers' parts: images a second, FLOPs, and the share of the selection."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.statistics import table
from benchmarks.timing import alternating, machine, ratio, spread
from benchmarks.training_contestants import SizedBackbone, Step, contestants, our_step, random_batch
from benchmarks.training_layouts import layouts
from dreaminpainter.module import DreamInpainter

RESULT = "benchmarks/results/training.md"
_HEAD = """# A training step, beside plain loops of diffusers' parts

Medians, with the least and the greatest in brackets; ratios are taken round by round. Written by \
`python -m benchmarks training`. A *plain loop* is one as in diffusers' training examples: the same UNet, text encoder \
and autoencoder, the same batch and optimizer, no reference.
"""

_SMALL = [32, 96, 160, 192]
_PROPORTIONS = (
    "By FLOPs these stand to each other about as with Stable Diffusion 1.5 at 512 px, where a sample takes 3.53 TFLOP "
    "in the plain loop, 5.17 in ours, 2.94 with caches and 2.59 with the gradient stopped besides. What caches save is "
    "an autoencoder's, whose convolutions a CPU computes faster than the rest, so they bring less time than FLOPs."
)


def training(
    size: int | None = None,
    channels: list[int] | None = None,
    batch: int | None = None,
    steps: int = 2,
    repeats: int = 5,
    layout_steps: int = 50,
    output: str = RESULT,
) -> None:
    """Measures training steps, in float32 on a CPU and with networks of Stable Diffusion's size in bfloat16 on a GPU.

    Args:
        size: side of scenes and references in pixels; 128, or 512 on a GPU.
        channels: width of each block of the UNet, four of them; Stable Diffusion's on a GPU, else 32, 96, 160, 192,
            beside which autoencoder and reference take about the share of FLOPs that they have there.
        batch: samples a step; 4, or 8 on a GPU.
        steps: how many make one measurement.
        repeats: how many measurements of each, in turns.
        layout_steps: how long losses with and without channels-last are compared.
        output: the Markdown file to write.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    small = device == "cpu"
    size, batch = size or (128 if small else 512), batch or (4 if small else 8)
    channels = channels or (_SMALL if small else [320, 640, 1280, 1280])
    makers = contestants(size, channels, batch, device)
    made = {name: make() for name, make in makers.items()}
    flops = {name: _flops(step) / batch for name, step in made.items()}
    seconds = alternating({name: _timed(step, steps, device) for name, step in made.items()}, repeats)
    theirs = "plain loop, composite"
    rates = {name: [steps * batch / one for one in taken] for name, taken in seconds.items()}
    rows = [
        [
            name,
            f"{flops[name] / 1e9:.3g}",
            spread(rate),
            ratio(rate, rates[theirs]),
            ratio(rate, rates["plain loop, nine-channel"]),
            ratio([one * flops[name] for one in rate], [one * flops[theirs] for one in rates[theirs]]),
        ]
        for name, rate in rates.items()
    ]
    head = ["", "GFLOP a sample", "images/s", "of the composite loop's", "of the nine-channel loop's", "per FLOP"]
    text = [
        _HEAD,
        f"Measured on {date.today()} on {machine()}{'' if small else ', ' + torch.cuda.get_device_name()}.",
        "",
        f"{size} px, batches of {batch}, UNet widths {', '.join(map(str, channels))}, "
        f"{'float32' if small else 'bfloat16 by autocast'}, AdamW, all of the UNet trained; {repeats} times {steps} "
        "steps in turns. FLOPs are counted by torch's FlopCounterMode, forward and backward; the last column is the "
        "throughput in FLOPs beside the composite loop's.",
        "",
        *table(head, rows),
        "",
        *([_PROPORTIONS, ""] if small and channels == _SMALL else []),
        f"Selection takes {_share_of_selection(size, channels, batch, device):.2g} % of our step, by torch's profiler.",
        "",
        "On a GPU, with networks of Stable Diffusion 1.5's size at 512 px: "
        + ("not measured." if small else "the table above."),
        "",
        "## Memory layout and precision, on a CPU",
        "",
        *layouts(layout_steps, repeats),
        "",
    ]
    Path(output).write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


def _flops(step: Step) -> float:
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def _timed(step: Step, steps: int, device: str) -> Callable[[], float]:
    def seconds() -> float:
        start = perf_counter()
        for _ in range(steps):
            loss = step()
        loss.item()  # a GPU has done the steps when it can tell the loss
        return perf_counter() - start

    return seconds


def _share_of_selection(size: int, channels: list[int], batch: int, device: str) -> float:
    """Percent of the time of a step of ours, on a GPU of the device's."""
    model = DreamInpainter(SizedBackbone(channels), image_size=(size, size), reference_size=size).train().to(device)
    select = model.network.selector.forward

    def named(*args: Any, **kwargs: Any) -> Any:
        with record_function("selection"):
            return select(*args, **kwargs)

    model.network.selector.forward = named  # type: ignore[method-assign]
    step = our_step(model, random_batch(size, batch).to(device), device)
    step()
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=kinds) as profiled, record_function("whole step"):
        step()
    times = {
        event.key: event.device_time_total if device == "cuda" else event.cpu_time_total
        for event in profiled.key_averages()
    }
    return 100 * float(times["selection"]) / float(times["whole step"])
