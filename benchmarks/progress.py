"""How a training run gets better: loss and scores at its checkpoints."""

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.critters import FOLLOWED, held_out, measure
from benchmarks.methods import Model
from benchmarks.probes import FOLDER as PROBES
from benchmarks.sections import write_sections
from benchmarks.statistics import percent, table
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.data.critters.attributes import IDENTITY
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation import AttributeProbes

RESULT = "benchmarks/results/critters-progress.md"
HEAD = (
    "# Critters: how training gets on\n\nCheckpoints of one run, the loss of the main objective on its "
    "64 validation samples, and held-out fills. *reference* and *text* are those of [critters.md](critters.md). "
    "Written by `python -m benchmarks progress`."
)

SECTION = "critters"


def progress(
    run: str = "runs/critters",
    steps: tuple[int, ...] = (400, 800, 1600, 4000, 4800, 6400, 8400),
    probes: str = PROBES,
    samples: int = 128,
    num_inference_steps: int = 10,
    guidance_scale: float = 4.0,
    reference_scale: float = 3.0,
    output: str = RESULT,
) -> None:
    """Measures a run at some of its checkpoints and writes its section of the page.

    Args:
        run: folder of a run of `configs/critters.yaml`.
        steps: of which steps.
        probes: folder of the attribute probes.
        samples: held-out scenes.
        num_inference_steps: denoising steps.
        guidance_scale: guidance along the text.
        reference_scale: guidance along the reference.
        output: the Markdown file to write.
    """

    sampling = {
        "num_inference_steps": num_inference_steps,
        "guidance_scale": guidance_scale,
        "reference_scale": reference_scale,
    }

    def rows() -> list[str]:
        return [
            f"`configs/critters.yaml`; {samples} held-out fills at {num_inference_steps} denoising steps, guidance "
            f"{guidance_scale:g}, reference scale {reference_scale:g}.",
            "",
            *table(
                ["step", "validation loss", "reference", "text"],
                measured(Path(run), steps, probes, samples, sampling),
            ),
        ]

    write_sections(Path(output), HEAD, {SECTION: "The model in the box"}, {SECTION: rows}, only=None)


def measured(run: Path, steps: tuple[int, ...], probes: str, samples: int, sampling: dict[str, Any]) -> list[list[str]]:
    """A row a step: its validation loss, and how many fills show what reference and text tell."""
    judge = AttributeProbes.from_pretrained(probes).eval()
    losses = validation_losses(run / "logs")
    unknown = [step for step in steps if step not in losses]
    if unknown:
        raise SettingError(f"{run}/logs tells no validation loss after steps {unknown}. Take some of {sorted(losses)}.")
    rows = []
    for step in steps:
        pipeline = load_pipeline(str(run / "checkpoints" / f"epoch=0-step={step}.ckpt"))
        pipeline.set_progress_bar_config(disable=True)
        method = Model(pipeline, **sampling)
        scores, _ = measure({"model": method}, judge, held_out(pipeline, samples), batch_size=32)
        reference, text = (percent(scores["model"].mean(names)) for names in (IDENTITY, FOLLOWED))
        rows.append([str(step), f"{losses[step]:.3f}", reference, text])
    return rows


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
