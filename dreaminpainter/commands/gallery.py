"""What the demo lays out: fills beside the truth, the loss curve, and how far off the fills are."""

import io
from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from dreaminpainter.pipeline import DreamInpainterOutput
from dreaminpainter.preprocessing import to_output
from dreaminpainter.types import Batch
from dreaminpainter.visualization import grid_picture, mark_tokens, show_hole


def fill_gallery(output: DreamInpainterOutput, batch: Batch, rows: int) -> Image.Image:
    """One row a sample: scene with hole, reference with its chosen tokens, result, truth; the prompt below."""
    features, chosen = output.subject.features, output.subject.selection.indices
    return grid_picture(
        ["scene with hole", "reference, chosen tokens", "result", "truth"],
        [
            [
                show_hole(batch.image[row], batch.mask[row]),
                mark_tokens(output.reference[row], chosen[row], features.grid, features.has_class_token),
                output.images[row],
                batch.image[row] / 2 + 0.5,
            ]
            for row in range(min(rows, len(batch)))
        ],
        captions=batch.caption[:rows],
    )


def hole_error(fills: Tensor, batch: Batch) -> float:
    """Mean absolute difference to the truth inside the holes, of pictures (B, 3, H, W) in [0, 1]."""
    difference = (fills - (batch.image / 2 + 0.5)).abs().mean(1, keepdim=True)
    return float((difference * batch.mask).sum() / batch.mask.sum())


def mean_colour(batch: Batch) -> Tensor:
    """The scenes, their holes filled with the mean colour of what is around them: the plainest guess there is."""
    around = 1 - batch.mask
    mean = (batch.image * around).sum((2, 3), keepdim=True) / around.sum((2, 3), keepdim=True).clamp_min(1)
    return torch.where(batch.mask > 0.5, mean, batch.image) / 2 + 0.5


def loss_panel(logs: Path, errors: dict[str, float]) -> Image.Image:
    """Above the training loss over steps, below the error of the fills beside that of the plainest guesses.

    Args:
        logs: folder that the TensorBoard logger wrote.
        errors: mean absolute error in the hole, by what filled it.
    """
    steps, losses = _scalars(logs, "train/loss")
    figure = Figure(figsize=(4.2, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)  # draws into memory: there may be no screen
    above, below = figure.subplots(2, 1)
    above.plot(steps, losses, color="#4c72b0", linewidth=1.2)
    above.set(title="training loss", xlabel="step", ylim=(0, max(losses, default=1) * 1.05))
    bars = below.barh(list(errors), list(errors.values()), color=["#4c72b0", "#b5b5b5", "#b5b5b5"], height=0.55)
    below.bar_label(bars, fmt="%.3f", padding=3)
    below.invert_yaxis()
    below.set(title="error in the hole", xlim=(0, max(errors.values()) * 1.25))
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return Image.open(buffer).convert("RGB")


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures side by side on white, the right one at the top."""
    canvas = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "white")
    canvas.paste(left, (0, 0))
    canvas.paste(right, (left.width, 0))
    return canvas


def write_example(batch: Batch, folder: Path) -> str:
    """Writes scene.png, mask.png and reference.png (cut out by its alpha) of the first sample; returns its prompt."""
    folder.mkdir(parents=True, exist_ok=True)
    scene, mask = batch.image[0] / 2 + 0.5, batch.mask[0].expand(3, -1, -1)
    subject, outline = batch.reference.pixels[0] / 2 + 0.5, batch.reference.mask[0].expand(3, -1, -1)
    pictures = to_output([scene, mask], "pil") + to_output([subject, outline], "pil")
    pictures[2].putalpha(pictures[3].convert("L"))
    pictures[1] = pictures[1].convert("L")
    for picture, name in zip(pictures, ("scene", "mask", "reference"), strict=False):
        picture.save(folder / f"{name}.png")
    return batch.caption[0]


def _scalars(logs: Path, tag: str) -> tuple[list[int], list[float]]:
    # The newest file alone: an earlier run in the same folder has a curve of its own.
    newest = max(logs.glob("events.*"), key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        return [], []
    events = EventAccumulator(str(newest), size_guidance={"scalars": 0})
    events.Reload()
    if tag not in events.Tags()["scalars"]:
        return [], []
    scalars = events.Scalars(tag)
    return [scalar.step for scalar in scalars], [scalar.value for scalar in scalars]
