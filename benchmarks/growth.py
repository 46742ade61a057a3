"""How the cost of a training step grows with what it is made of, and samples a second with processes of the loader."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal

from torch.utils.flop_counter import FlopCounterMode

from benchmarks.sections import write_sections
from benchmarks.statistics import exponents, table
from benchmarks.timing import alternating, seconds, spread
from benchmarks.training_contestants import our_step
from dreaminpainter.commands.making import made
from dreaminpainter.configuration import with_configs_found

RESULT = "benchmarks/results/growth.md"

Section = Literal["size", "tokens", "k", "batch", "workers"]
TITLES: dict[Section, str] = {
    "size": "Over the pictures' size",
    "tokens": "Over the reference's tokens, N",
    "k": "Over the chosen tokens, K",
    "batch": "Over the batch",
    "workers": "Over the loader's processes",
}
_HEAD = """# How cost grows

Medians, with the least and the greatest in brackets. A training step of `configs/quickstart.yaml`, with one setting \
varied; FLOPs are counted by torch's FlopCounterMode, forward and backward. Seconds are of time, but on one thread of \
a CPU those of the processor. Exponents are those of seconds and of FLOPs, from each value to the next. How opening \
and ordering grow with the data set stands in [data.md](data.md), how the selection alone grows in \
[selection.md](selection.md). Written by `python -m benchmarks growth`."""


def growth(
    sizes: tuple[int, ...] = (32, 64, 128, 256),
    references: tuple[int, ...] = (64, 128, 256),
    ks: tuple[int, ...] = (1, 4, 16, 64),
    batches: tuple[int, ...] = (1, 4, 16),
    workers: tuple[int, ...] = (0, 1, 2),
    repeats: int = 5,
    only: list[Section] | None = None,
    output: str = RESULT,
) -> None:
    """Measures a training step over its sizes, and the loader over its processes.

    Args:
        sizes: of the scenes, in pixels.
        references: sides of the reference in pixels; 128 are 256 tokens.
        ks: tokens that are chosen.
        batches: samples a step.
        workers: processes of the loader.
        repeats: how many measurements of each, in turns.
        only: sections to measure; the others stay in the file as they are.
        output: the Markdown file to write.
    """
    sections: dict[Section, Callable[[], Sequence[str]]] = {
        "size": lambda: _steps("pixels", sizes, lambda one: {"data.height": one, "data.width": one}, repeats),
        "tokens": lambda: _steps(
            "side of the reference", references, lambda one: {"data.reference_size": one}, repeats
        ),
        "k": lambda: _steps("K", ks, lambda one: {"model.selector.init_args.k": one}, repeats),
        "batch": lambda: _steps("batch", batches, lambda one: {"data.batch_size": one}, repeats),
        "workers": lambda: _loaders(workers, repeats),
    }
    write_sections(Path(output), _HEAD, TITLES, sections, only)


def _steps(name: str, values: Sequence[int], varied: Callable[[int], dict[str, int]], repeats: int) -> list[str]:
    steps, operations = {}, []
    for value in values:
        run = _made({"data.batch_size": 4} | varied(value))
        steps[str(value)] = our_step(run.model.train(), next(iter(run.datamodule.train_dataloader())), "cpu")
        with FlopCounterMode(display=False) as counter:
            steps[str(value)]()
        operations.append(counter.get_total_flops() / 1e9)
    taken = alternating({value: partial(seconds, step) for value, step in steps.items()}, repeats)
    medians = [median(one) for one in taken.values()]
    rows = [
        [value, spread(found), f"{count:.2f}"] for (value, found), count in zip(taken.items(), operations, strict=True)
    ]
    return [
        *table([name, "seconds a step", "GFLOP a step"], rows),
        "",
        f"Exponents: {exponents(values, medians, operations)}.",
    ]


def _loaders(workers: Sequence[int], repeats: int) -> list[str]:
    batch, count = 8, 12

    def rate(loader: Any) -> float:
        start = perf_counter()
        for _ in islice(loader, count):
            pass
        return batch * count / (perf_counter() - start)

    loaders = {
        str(one): _made({"data.batch_size": batch, "data.num_workers": one}).datamodule.train_dataloader()
        for one in workers
    }
    taken = alternating({name: partial(rate, loader) for name, loader in loaders.items()}, repeats)
    return [
        f"{count} batches of {batch}, starting the processes included. 0: in the process of the step.",
        "",
        *table(["processes", "samples a second"], [[name, spread(found)] for name, found in taken.items()]),
    ]


def _made(settings: dict[str, int]) -> Any:
    flags = ["--config", "quickstart", *(f"--{name}={value}" for name, value in settings.items())]
    return made(with_configs_found(flags), "quickstart")
