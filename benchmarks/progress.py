"""How a training run gets better: loss and scores at its checkpoints."""

from datetime import date
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.critters import FOLLOWED, held_out, measure
from benchmarks.methods import Model
from benchmarks.probes import FOLDER as PROBES
from benchmarks.statistics import percent, table
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.data.critters.attributes import IDENTITY
from dreaminpainter.evaluation import AttributeProbes

RESULT = "benchmarks/results/critters-progress.md"


def progress(
    run: str = "runs/critters",
    steps: tuple[int, ...] = (1000, 2000, 4000, 7000),
    probes: str = PROBES,
    samples: int = 128,
    num_inference_steps: int = 15,
    output: str = RESULT,
) -> None:
    """Measures a run at some of its checkpoints and writes the table.

    Args:
        run: the run's folder.
        steps: of which steps.
        probes: folder of the attribute probes.
        samples: held-out scenes.
        num_inference_steps: denoising steps.
        output: the Markdown file to write.
    """
    judge = AttributeProbes.from_pretrained(probes).eval()
    losses = validation_losses(Path(run) / "logs")
    rows = []
    for step in steps:
        pipeline = load_pipeline(f"{run}/checkpoints/epoch=0-step={step}.ckpt")
        pipeline.set_progress_bar_config(disable=True)
        method = Model(pipeline, num_inference_steps=num_inference_steps)
        scores, _ = measure({"model": method}, judge, held_out(pipeline, samples), batch_size=32)
        reference, text = (percent(scores["model"].mean(names)) for names in (IDENTITY, FOLLOWED))
        rows.append([str(step), f"{losses[step]:.3f}", reference, text])
    page = "\n".join(
        [
            "# Critters: how training gets on",
            "",
            f"Measured on {date.today()}: checkpoints of one run of `configs/critters.yaml`, the loss of the main "
            f"objective on its 64 validation samples, and {samples} held-out fills at {num_inference_steps} denoising "
            "steps. *reference* and *text* are those of [critters.md](critters.md). Written by `python -m benchmarks "
            "progress`.",
            "",
            *table(["step", "validation loss", "reference", "text"], rows),
            "",
        ]
    )
    Path(output).write_text(page)
    print(page)


def validation_losses(logs: Path) -> dict[int, float]:
    """The validation loss of the main objective after each step at which it was measured."""
    found = {}
    for path in sorted(logs.glob("events.*")):
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        if "val/loss_main" in events.Tags()["scalars"]:
            # Lightning counts from 0: what it logs at step 499 was measured after the 500th.
            found |= {scalar.step + 1: scalar.value for scalar in events.Scalars("val/loss_main")}
    return found
