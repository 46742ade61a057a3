"""For a config of `fit`: whether the loader or the step is the limit, and which stage of the loader takes how much."""

from datetime import date
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.data_samples import STAGES, stages
from benchmarks.statistics import table
from benchmarks.timing import alternating, machine, ratio, spread
from benchmarks.training_contestants import our_step
from dreaminpainter.commands.making import made
from dreaminpainter.configuration import with_configs_found

RESULT = "benchmarks/results/limits.md"
_HEAD = """# Loader or step: what training waits for

Medians, with the least and the greatest in brackets; ratios are taken round by round. Written by \
`python -m benchmarks limits`.
"""


def limits(settings: str = "--config quickstart", batches: int = 4, repeats: int = 3, output: str = RESULT) -> None:
    """Measures samples a second of the loader and of the training step of a config, and the stages of the loader.

    Args:
        settings: of `fit`, as they would be written there.
        batches: how many make one measurement.
        repeats: how many measurements of each, in turns.
        output: the Markdown file to write.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    cli = made(with_configs_found(settings.split()), settings)
    data, model = cli.datamodule, cli.model.train().to(device)
    # The same few again and again: a step does not depend on which they are.
    loader, ready = data.train_dataloader(), [batch.to(device) for batch in islice(data.train_dataloader(), batches)]
    step, count = our_step(model, ready[0], device), batches * data.batch_size

    def loading() -> float:
        start = perf_counter()
        for _ in islice(loader, batches):
            pass
        return count / (perf_counter() - start)

    def stepping() -> float:
        start = perf_counter()
        for _ in islice(cycle(ready), batches):
            loss = step()
        loss.item()
        return count / (perf_counter() - start)

    rates = alternating({"loader": loading, "step": stepping}, repeats)
    shares = stages(data, count, repeats)
    slower = min(rates, key=lambda name: sorted(rates[name])[repeats // 2])
    text = [
        _HEAD,
        f"Measured on {date.today()} on {machine()}.",
        "",
        f"`fit {settings}`: batches of {data.batch_size}, {data.num_workers} loader processes; {repeats} times "
        f"{batches} batches in turns.",
        "",
        *table(["", "samples a second"], [[name, spread(found)] for name, found in rates.items()]),
        "",
        f"The limit is the {slower}; the loader makes {ratio(rates['loader'], rates['step'])} times what the step "
        "takes. Where a loader's time goes, in one process with one thread:",
        "",
        *table(["", "ms a sample"], _rows(shares, count)),
        "",
    ]
    Path(output).write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


def _rows(shares: dict[str, list[float]], count: int) -> list[Any]:
    return [[STAGES[stage], spread([1000 * one / count for one in found])] for stage, found in shares.items()]
