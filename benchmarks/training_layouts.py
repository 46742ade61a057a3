"""Whether another memory layout or precision pays in training on a CPU, and what it does to losses."""

from collections.abc import Callable
from itertools import islice
from time import perf_counter

import torch
from torch import Tensor

from benchmarks.statistics import table
from benchmarks.timing import alternating, ratio, spread
from dreaminpainter.commands.making import made
from dreaminpainter.configuration import find_config
from dreaminpainter.module import DreamInpainter
from dreaminpainter.types import Batch

BATCH = 2
WAYS = {
    "float32": (False, torch.contiguous_format),
    "float32, channels-last": (False, torch.channels_last),
    "bfloat16": (True, torch.contiguous_format),
    "bfloat16, channels-last": (True, torch.channels_last),
}


def layouts(steps: int, repeats: int) -> list[str]:
    """The section's text.

    Args:
        steps: how long losses are compared.
        repeats: how many measurements of two steps each.
    """
    batches = _batches(steps)
    losses = {name: _losses(_step(*way), batches) for name, way in WAYS.items()}
    seconds = alternating({name: _timed(_step(*way), batches[:2]) for name, way in WAYS.items()}, repeats)
    reference = losses["float32"]
    rows = [
        [
            name,
            spread([2 * BATCH / one for one in taken]),
            ratio(seconds["float32"], taken),
            f"{max(abs(a - b) for a, b in zip(losses[name], reference, strict=True)):.1e}",
        ]
        for name, taken in seconds.items()
    ]
    return [
        f"The quickstart's model on drawn critters, batches of {BATCH}; the last column is the largest difference of a "
        f"loss to float32's over {steps} steps of AdamW with rate 1e-4.",
        "",
        *table(["", "images/s", "of float32's", "largest difference of a loss"], rows),
    ]


def _model() -> DreamInpainter:
    model: DreamInpainter = made(["--config", str(find_config("quickstart"))], "quickstart").model
    return model.train()


def _batches(count: int) -> list[Batch]:
    data = made(["--config", str(find_config("quickstart")), "--data.batch_size", str(BATCH)], "quickstart").datamodule
    return list(islice(data.train_dataloader(), count))


def _step(half: bool, layout: torch.memory_format) -> Callable[[Batch], Tensor]:
    model = _model()
    model.network.unet.to(memory_format=layout)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], 1e-4)

    def step(batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss: Tensor = model.training_step(batch, 0)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return step


def _losses(step: Callable[[Batch], Tensor], batches: list[Batch]) -> list[float]:
    return [float(step(batch)) for batch in batches]


def _timed(step: Callable[[Batch], Tensor], batches: list[Batch]) -> Callable[[], float]:
    def seconds() -> float:
        start = perf_counter()
        _losses(step, batches)
        return perf_counter() - start

    return seconds
