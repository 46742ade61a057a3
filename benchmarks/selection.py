"""What the selection costs: seconds and memory over the number of tokens and the batch, beside all at once."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.fresh import Gauge, in_fresh_process
from benchmarks.sections import write_sections
from benchmarks.statistics import exponents, table
from benchmarks.timing import alternating, ratio, seconds, spread
from dreaminpainter.selection.cosine import received_similarity

RESULT = "benchmarks/results/selection.md"

Section = Literal["tokens", "batch", "gpu"]
TITLES: dict[Section, str] = {
    "tokens": "Over the number of tokens",
    "batch": "Over the batch",
    "gpu": "On a GPU",
}
K = 24
_HEAD = """# Selection by cosine distance

Medians, with the least and the greatest in brackets; ratios are taken round by round. *At once* is eq. 3 and 4 as \
they stand, with all N x N similarities in memory. Seconds are of time, but on one thread of a CPU those of the \
processor. Written by `python -m benchmarks selection`."""
_NOT_MEASURED = ["Not measured: there was no GPU. `python -m benchmarks selection --only [gpu]` measures it on one."]


def selection(
    tokens: tuple[int, ...] = (256, 1024, 4096, 16384),
    batches: tuple[int, ...] = (1, 4, 16, 64),
    width: int = 64,
    repeats: int = 5,
    only: list[Section] | None = None,
    output: str = RESULT,
) -> None:
    """Measures the scores of `CosineDistance`, a block of rows at a time, beside those of all rows at once.

    Args:
        tokens: N, from few to many.
        batches: references at a time, from few to many, of the least N.
        width: D of the tokens.
        repeats: how many measurements of each, in turns.
        only: sections to measure; the others stay in the file as they are.
        output: the Markdown file to write.
    """
    sections: dict[Section, Callable[[], list[str]]] = {
        "tokens": lambda: curve("N", [(1, count, width) for count in tokens], repeats),
        "batch": lambda: curve("batch", [(batch, tokens[0], width) for batch in batches], repeats),
        "gpu": lambda: (
            curve("N", [(16, count, 640) for count in tokens[:-1]], repeats, "cuda")
            if torch.cuda.is_available()
            else _NOT_MEASURED
        ),
    }
    write_sections(Path(output), _HEAD, TITLES, sections, only)


def curve(
    name: Literal["N", "batch"], shapes: list[tuple[int, int, int]], repeats: int, device: str = "cpu"
) -> list[str]:
    """A section's lines: a row for each shape (B, N, D), and the measured exponents."""
    rows, grown, times = [], [], []
    for batch, count, width in shapes:
        features = drawn(batch, count, width).to(device)
        blocks, whole = timed(features, repeats)
        extra = [f"{in_fresh_process(_extra, kind, batch, count, width, device):.1f}" for kind in WAYS]
        unlike = differing(features)
        grown.append(count if name == "N" else batch)
        times.append([median(blocks), median(whole)])
        milliseconds = [spread([1000 * one for one in found]) for found in (blocks, whole)]
        rows.append([str(grown[-1]), *milliseconds, ratio(blocks, whole), *extra, f"{unlike} of {batch * K}"])
    batch, count, width = shapes[0]
    others = f"{batch} reference{'s' * (batch > 1)}" if name == "N" else f"N = {count}"
    head = [name, "blocks, ms", "at once, ms", "blocks / at once", "blocks, MB", "at once, MB", "indices that differ"]
    return [
        f"{others}, tokens of width {width}, float32. Megabytes are what one call adds at most, in a fresh process "
        f"each; indices are those of the {K} chosen tokens, in their order.",
        "",
        *table(head, rows),
        "",
        f"Exponents of the time over {name}, of blocks and at once: {exponents(grown, *zip(*times, strict=True))}.",
    ]


def timed(features: Tensor, repeats: int) -> list[list[float]]:
    """Seconds of a call, of each way in turns; short calls are made many times."""
    batch, count, _ = features.shape
    inner = max(1, 2**20 // (batch * count**2))

    def measure(scores: Callable[[Tensor], Tensor]) -> float:
        return seconds(lambda: [scores(features) for _ in range(inner)], features.device.type) / inner

    return list(alternating({kind: partial(measure, scores) for kind, scores in WAYS.items()}, repeats).values())


@torch.no_grad()
def received_at_once(tokens_BND: Tensor) -> Tensor:
    """Eq. 3 and 4 as they stand."""
    with torch.autocast(tokens_BND.device.type, enabled=False):
        unit_BND = F.normalize(tokens_BND.float(), dim=2)
        return (unit_BND @ unit_BND.mT).softmax(dim=2).sum(dim=1)


WAYS: dict[str, Callable[[Tensor], Tensor]] = {"blocks": received_similarity, "at once": received_at_once}


def drawn(batch: int, count: int, width: int) -> Tensor:
    """Tokens that have much in common, as those of a UNet have."""
    return torch.randn(batch, count, width, generator=torch.Generator().manual_seed(0)) + 1


def differing(features: Tensor) -> int:
    """How many of the chosen indices are not the same, place by place."""
    one, other = (scores(features).argsort(dim=1, stable=True)[:, :K] for scores in WAYS.values())
    return int((one != other).sum())


def _extra(kind: str, batch: int, count: int, width: int, device: str) -> float:
    features = drawn(batch, count, width).to(device)
    WAYS[kind](features[:1, :8])  # libraries take memory of their own at their first call
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        WAYS[kind](features)
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    gauge = Gauge()
    WAYS[kind](features)
    return gauge.read().peak
