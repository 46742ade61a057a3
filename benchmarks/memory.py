"""The presets of configs/memory: what trains, what they need, and what they come to on a GPU."""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.fresh import in_fresh_process
from benchmarks.statistics import table
from benchmarks.timing import machine
from dreaminpainter.commands.forecast import Expected, size
from dreaminpainter.commands.making import made
from dreaminpainter.configuration import config_folder, find_config
from dreaminpainter.types import Batch, Reference

RESULT = "benchmarks/results/memory.md"
_HEAD = """# Memory presets, Stable Diffusion 1.5 at 512 px

Written by `python -m benchmarks memory`. Weights, gradients, AdamW's state and the moving average are counted on \
networks of true size without weights; activations come on top, and are in the peak alone, which a GPU is needed for.
"""


def memory(steps: int = 20, output: str = RESULT) -> None:
    """Counts what each preset needs, and on a GPU measures peak memory and images a second, in a fresh process each.

    Args:
        steps: optimizer steps that are measured, after three others.
        output: the Markdown file to write.
    """
    presets = sorted(config_folder().glob("memory/*.yaml"), key=lambda path: int(path.stem.removesuffix("gb")))
    rows = [_row(path.stem, steps) for path in presets]
    head = ["preset", "trains, M", "weights", "gradients", "optimizer", "average", "sum", "peak", "images/s"]
    text = [_HEAD, f"Counted on {date.today()}, on {machine()}.", "", *table(head, rows), ""]
    Path(output).write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


def _row(preset: str, steps: int) -> list[str]:
    with torch.device("meta"):
        cli = _cli(preset)
    expected = Expected.of(cli.model, cli.config.ema is not None)
    sizes = (expected.weights, expected.gradients, expected.optimizer, expected.average, expected.total)
    measured = ["not measured"] * 2
    if torch.cuda.is_available():
        peak, rate = in_fresh_process(_measured, preset, steps)
        measured = [size(peak), f"{rate:.3g}"]
    return [preset, f"{sum(expected.trained.values()) / 1e6:.3g}", *map(size, sizes), *measured]


def _cli(preset: str) -> Any:
    """Model and trainer of a preset, at random; where it loads no encoders, without any."""
    words = [
        word for name in ("sd15", "data/coco", f"memory/{preset}") for word in ("--config", str(find_config(name)))
    ]
    random = ["--model.backbone", "StableDiffusion15", "--model.backbone.init_args.weights", "false"]
    cli = made([*words, *random], preset)
    if "CachedBackbone" in find_config(f"memory/{preset}").read_text(encoding="utf-8"):
        cli.model.vae, cli.model.text_encoder = torch.nn.Module(), _Texts()
    return cli


class _Texts(torch.nn.Module):
    """Stands in for a text encoder that is not loaded: states of a text's size."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("anchor", torch.zeros(0))

    @property
    def device(self) -> torch.device:
        """Where states are put."""
        return self.anchor.device

    def forward(self, ids: torch.Tensor) -> Any:
        """States of the texts with these tokens."""
        return type("States", (), {"last_hidden_state": torch.zeros(*ids.shape, 768, device=ids.device)})


def _measured(preset: str, steps: int) -> tuple[float, float]:
    """Peak bytes of the GPU and images a second."""
    import lightning.pytorch as pl

    cli = _cli(preset)
    accumulated, count = cli.config.trainer.accumulate_grad_batches, cli.config.data.batch_size
    clock: list[float] = []

    class Clock(pl.Callback):
        """Notes when the steps that are measured begin and end."""

        def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
            if trainer.global_step in (3, 3 + steps) and len(clock) < 1 + (trainer.global_step > 3):
                torch.cuda.synchronize()
                clock.append(perf_counter())

    callbacks = [one for one in cli.trainer.callbacks if type(one).__name__ == "ExponentialMovingAverage"]
    trainer = pl.Trainer(
        precision=cli.config.trainer.precision,
        accumulate_grad_batches=accumulated,
        max_steps=3 + steps,
        callbacks=[*callbacks, Clock()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tempfile.gettempdir(),
    )
    batches = list(_batches((3 + steps) * accumulated, count))
    trainer.fit(cli.model, torch.utils.data.DataLoader(batches, batch_size=None))
    return float(torch.cuda.max_memory_allocated()), steps * accumulated * count / (clock[1] - clock[0])


def _batches(number: int, count: int) -> Iterator[Batch]:
    """The same random batch, with latents for models without an autoencoder."""
    pixels, mask = torch.rand(count, 3, 512, 512) * 2 - 1, torch.zeros(count, 1, 512, 512)
    mask[:, :, 128:384, 128:384] = 1
    latents = torch.randn(count, 4, 64, 64)
    reference = Reference(pixels, mask, latents=latents)
    names = ["dog"] * count
    for step in range(number):
        key = torch.arange(count) + step * count
        yield Batch(pixels, mask, reference, names, names, names, names, key, latents=latents)
