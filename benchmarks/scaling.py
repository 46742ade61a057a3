"""What sizes would take that could not be run: arithmetic from counted and measured figures, every assumption named."""

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.statistics import table

RESULT = "benchmarks/results/scaling.md"

UNET, READING, ENCODING, TEXT = 0.803e12, 0.178e12, 1.117e12, 0.013e12
"""FLOPs of a forward pass, one sample of 512 px: counted by torch, as `benchmarks.scaling_flops` does anew."""
BACKWARD = 2
"""A backward pass takes two forward ones; 2.41 TFLOP were counted for both of the UNet."""
TRAINED = 860e6
"""Weights that train: the UNet of Stable Diffusion 1.5, with the adapter; from memory.md."""
FROZEN_BYTES = 0.83e9
"""Autoencoder and text encoder, as memory.md counts them for the presets of 24 and 80 GB."""
LOADED = 64.3 / 2
"""Samples a second of one loader process, of photographs in scenes and references of 512 px: data.md."""
OPENED_SECONDS, OPENED_BYTES, MAPPED_BYTES = 0.611e-6, 159, 684
"""Of prepared data, an object: seconds to open, memory of a process, mapped file. Measured of a million: data.md."""
PARQUET_OBJECTS, ARROW_OBJECTS = 2_000, 20_000
"""Objects a file, as `prepare` writes them."""

_HEAD = """# Sizes that were not run

Written by `python -m benchmarks scaling`: arithmetic, not a measurement. Nothing of this size was ever run, and \
nothing was measured on a GPU. Counted on networks of true size without weights: FLOPs, weights, states. Measured, on \
a CPU: what a loader process makes, and what it takes to open prepared data ([data.md](data.md)). All else is \
assumed, and named.
"""


@dataclass(frozen=True)
class Machines:
    """What is assumed of machines and pictures; each is to be replaced by one's own figure.

    Args:
        gpus: how many.
        gpus_per_node: of these in a machine.
        peak: FLOPs a second of one, dense bfloat16.
        utilization: share of the peak that training comes to.
        network: bytes a second that a machine sends, and as many that it receives.
        disk: bytes a second that one process writes to shared storage.
        picture_bytes: of a picture's file.
    """

    gpus: int = 64
    gpus_per_node: int = 8
    peak: float = 989e12
    utilization: float = 0.35
    network: float = 50e9
    disk: float = 1e9
    picture_bytes: float = 150e3


@dataclass(frozen=True)
class Training:
    """What is trained.

    Args:
        pictures: in the data, an object each.
        batch_size: samples a GPU and step.
        cached: whether latents of scene and reference are read instead of made.
        variants: augmented references an object that latents are cached of.
    """

    pictures: float = 100e6
    batch_size: int = 32
    cached: bool = False
    variants: int = 4

    @property
    def flops(self) -> float:
        """Of a sample: UNet and reading pass with backward, text, and two encodings unless these are cached.

        Example:
            >>> f"{Training().flops / 1e12:.2f}", f"{Training(cached=True).flops / 1e12:.2f}"
            ('5.19', '2.96')
        """
        encodings = 0 if self.cached else 2
        return (UNET + READING) * (1 + BACKWARD) + TEXT + encodings * ENCODING


def step_seconds(machines: Machines, training: Training) -> float:
    """Of computing one step.

    Example:
        >>> f"{step_seconds(Machines(), Training()):.2f}"
        '0.48'
    """
    return training.batch_size * training.flops / (machines.peak * machines.utilization)


def epoch_hours(machines: Machines, training: Training) -> float:
    """Of computing an epoch.

    Example:
        >>> f"{epoch_hours(Machines(), Training()):.1f}"
        '6.5'
    """
    steps = training.pictures / (machines.gpus * training.batch_size)
    return steps * step_seconds(machines, training) / 3600


def sent(machines: Machines, volume: float, times: float) -> float:
    """Bytes that each GPU sends where `volume` is reduced or gathered over all by a ring, `times` passes of it."""
    return times * volume * (machines.gpus - 1) / machines.gpus


def scaling(output: str = RESULT) -> None:
    """Works out what 64 GPUs and 100 million pictures would take, and writes the page.

    Args:
        output: the Markdown file to write.
    """
    text = page(Machines())
    Path(output).write_text(text, encoding="utf-8")
    print(text)


def page(machines: Machines) -> str:
    """The page, as Markdown."""
    trainings = {"pictures": Training(), "cached latents": Training(cached=True)}
    time = [["", *trainings], *_times(machines, list(trainings.values()))]
    sizes = [["a GPU", "DDP", "FSDP2"], *_memory(machines), *_traffic(machines, Training())]
    data = [["", f"{Training().pictures / 1e6:.0f} million objects"], *_data(machines, Training())]
    assumed = [["assumed", ""], *_assumed(machines)]
    parts = [("Assumptions", assumed), ("Time", time), ("Memory and traffic", sizes), ("Data", data)]
    lines = [_HEAD]
    for title, rows in parts:
        lines += [f"## {title}", "", *table(rows[0], rows[1:]), "", *_NOTES.get(title, [])]
    return "\n".join(lines).rstrip() + "\n"


def _assumed(machines: Machines) -> list[list[str]]:
    return [
        ["GPUs", f"{machines.gpus}, {machines.gpus_per_node} a machine"],
        ["peak of a GPU, bfloat16, dense", f"{machines.peak / 1e12:.0f} TFLOP/s, as an H100's maker states it"],
        ["of which training comes to", f"{machines.utilization:.0%}; not measured"],
        ["network of a machine", f"{machines.network / 1e9:.0f} GB/s each way"],
        ["writing to shared storage", f"{machines.disk / 1e9:.0f} GB/s a process"],
        ["a picture's file", f"{machines.picture_bytes / 1e3:.0f} kB"],
        ["batch", f"{Training().batch_size} a GPU, {machines.gpus * Training().batch_size:,} a step; not known to fit"],
    ]


def _times(machines: Machines, trainings: list[Training]) -> list[list[str]]:
    rates = [machines.gpus * one.batch_size / step_seconds(machines, one) for one in trainings]
    half = replace(machines, utilization=machines.utilization / 2)
    return [
        ["TFLOP a sample", *(f"{one.flops / 1e12:.2f}" for one in trainings)],
        ["s a step", *(f"{step_seconds(machines, one):.2f}" for one in trainings)],
        ["samples/s", *(f"{rate:,.0f}" for rate in rates)],
        ["hours an epoch", *(f"{epoch_hours(machines, one):.1f}" for one in trainings)],
        [f"hours at {half.utilization:.1%} of the peak", *(f"{epoch_hours(half, one):.1f}" for one in trainings)],
        ["loader processes a GPU, to keep up", f"{rates[0] / machines.gpus / LOADED:.1f}", "not measured"],
        [
            "GB/s read in all",
            *(f"{rate * _bytes(machines, one) / 1e9:.2f}" for rate, one in zip(rates, trainings, strict=True)),
        ],
    ]


def _bytes(machines: Machines, training: Training) -> float:
    """That are read for a sample: the file, or float16 latents of 4 × 64 × 64 of scene and one reference."""
    return 2 * _LATENTS if training.cached else machines.picture_bytes


_LATENTS = 4 * 64 * 64 * 2.0


def _memory(machines: Machines) -> list[list[str]]:
    whole = {"weights": 4.0, "gradients": 4.0, "AdamW's state": 8.0, "moving average": 4.0}
    rows = [
        [f"GB of {name}", f"{size * TRAINED / 1e9:.2f}", f"{size * TRAINED / machines.gpus / 1e9:.3f}"]
        for name, size in whole.items()
    ]
    total = sum(whole.values()) * TRAINED
    frozen = f"{FROZEN_BYTES / 1e9:.2f}"
    sums = (total + FROZEN_BYTES, total / machines.gpus + FROZEN_BYTES)
    return [
        *rows,
        ["GB of frozen networks, whole", frozen, frozen],
        ["GB in sum, activations on top", *(f"{size / 1e9:.1f}" for size in sums)],
    ]


def _traffic(machines: Machines, training: Training) -> list[list[str]]:
    # DDP reduces gradients: each byte goes round twice. FSDP2 gathers weights for each of two passes and reduces once.
    volumes = [sent(machines, 4 * TRAINED, times) for times in (2, 3)]
    seconds = [volume / machines.network for volume in volumes]
    share = [one / step_seconds(machines, training) for one in seconds]
    kept = 16 * TRAINED + FROZEN_BYTES
    written = [kept / machines.disk, (12 * TRAINED / machines.gpus + 4 * TRAINED + FROZEN_BYTES) / machines.disk]
    return [
        ["GB sent a step", *(f"{volume / 1e9:.1f}" for volume in volumes)],
        ["s of it, one ring through all machines", *(f"{one:.2f}" for one in seconds)],
        ["of the computing, if nothing overlapped", *(f"{one:.0%}" for one in share)],
        ["GB of a checkpoint, all together", *[f"{kept / 1e9:.1f}"] * 2],
        ["s to write it, by the process that writes most", *(f"{one:.0f}" for one in written)],
    ]


def _data(machines: Machines, training: Training) -> list[list[str]]:
    count = training.pictures
    return [
        ["TB of pictures", f"{count * machines.picture_bytes / 1e12:.0f}"],
        ["Parquet files to stream", f"{count / PARQUET_OBJECTS:,.0f}"],
        ["GB a Parquet file", f"{PARQUET_OBJECTS * machines.picture_bytes / 1e9:.1f}"],
        ["Arrow files of prepared data", f"{count / ARROW_OBJECTS:,.0f}"],
        ["GB of these, mapped, without pictures", f"{count * MAPPED_BYTES / 1e9:.0f}"],
        ["s to open them, in step with a million", f"{count * OPENED_SECONDS:.0f}"],
        ["GB of memory that opening adds to a process, likewise", f"{count * OPENED_BYTES / 1e9:.0f}"],
        ["TB of cached latents", f"{count * (1 + training.variants) * _LATENTS / 1e12:.1f}"],
    ]


_NOTES = {
    "Time": [
        "Computing alone: no waiting for data, network or checkpoints. Making latents takes one encoding a scene and "
        "variant, once.",
        "",
    ],
    "Memory and traffic": [
        "Weights, gradients and states in float32. A ring passes all it sends through each machine's link once. FSDP2 "
        "also gathers the blocks that read the reference, which is left out here. The moving average is in a divided "
        "checkpoint whole, written by the first process; that is what it writes longer for than the others.",
        "",
    ],
    "Data": [
        "Opened memory-mapped, each process has a table of its own, so this many objects are better streamed. Of a "
        "number of files that the number of processes does not divide, each process reads all and leaves most out: "
        "name as many as it divides, of 50,000 the first 49,984 for 64. Not measured: captioning with BLIP of true "
        "size, and preparing beyond a million objects.",
        "",
    ],
}
