"""The loss curve of a run and what its fills are worth, as one picture."""

import io
from pathlib import Path

import matplotlib
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

matplotlib.use("Agg")  # a window is never wanted here, and there may be no screen

from matplotlib import pyplot


def loss_panel(logs: Path, errors: dict[str, float]) -> Image.Image:
    """Above the training loss over steps, below the error of the fills beside that of the plainest guesses.

    Args:
        logs: folder that the TensorBoard logger wrote.
        errors: mean absolute error in the hole, by what filled it.
    """
    steps, losses = _scalars(logs, "train/loss")
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(4.2, 6), dpi=120, layout="constrained")
    above.plot(steps, losses, color="#4c72b0", linewidth=1.2)
    above.set(title="training loss", xlabel="step", ylim=(0, max(losses, default=1) * 1.05))
    bars = below.barh(list(errors), list(errors.values()), color=["#55a868", "#b5b5b5", "#b5b5b5"], height=0.55)
    below.bar_label(bars, fmt="%.3f", padding=3)
    below.invert_yaxis()
    below.set(title="error of the fills (0 is the truth)", xlim=(0, max(errors.values()) * 1.25))
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    pyplot.close(figure)
    return Image.open(buffer).convert("RGB")


def _scalars(logs: Path, tag: str) -> tuple[list[int], list[float]]:
    events = EventAccumulator(str(logs), size_guidance={"scalars": 0})
    events.Reload()
    if tag not in events.Tags()["scalars"]:
        return [], []
    scalars = events.Scalars(tag)
    return [scalar.step for scalar in scalars], [scalar.value for scalar in scalars]
