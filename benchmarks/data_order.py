"""Choosing by weight and shuffling, against the number of objects: `Merged` beside torch's samplers."""

from tqdm import tqdm

from benchmarks.data_pickers import PICKERS, Picking, pick
from benchmarks.fresh import in_fresh_process
from benchmarks.statistics import table
from benchmarks.timing import spread

_TORCH_UP_TO = 10**7
"""Above this torch's samplers need gigabytes, and the weighted one refuses more than 2**24."""


def order(sizes: list[int], repeats: int) -> list[str]:
    """The section's text.

    Args:
        sizes: numbers of objects.
        repeats: how often each sampler is asked at each size.
    """
    rows = [
        [
            name,
            f"{objects:,}",
            spread([1000 * one.first for one in found]),
            spread([1e6 * one.each for one in found]),
            spread([one.peak for one in found]),
        ]
        for (name, objects), found in pickings(sizes, repeats).items()
    ]
    return [
        "`Merged` chooses from three sources by weight, each in a new order each time through; torch's samplers "
        "shuffle all objects, or draw them by a weight each, before the first is there. Each measurement in a fresh "
        f"process with one thread, {repeats} times in turns; torch's up to {_TORCH_UP_TO:,} objects.",
        "",
        *table(["", "objects", "ms to the first", "µs for each of the following", "MB added at most"], rows),
    ]


def pickings(sizes: list[int], repeats: int) -> dict[tuple[str, int], list[Picking]]:
    """What choosing took, measurement after measurement, by sampler and number of objects."""
    wanted = [(name, size) for name in PICKERS for size in sizes if name == "Merged" or size <= _TORCH_UP_TO]
    found: dict[tuple[str, int], list[Picking]] = {one: [] for one in wanted}
    for number in tqdm(range(repeats), desc="choosing"):
        for name, size in wanted[:: -1 if number % 2 else 1]:
            found[name, size].append(in_fresh_process(pick, name, size))
    return found
