# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A study: run, load, plot, read
#
# A study varies settings, trains and evaluates each combination, and says what came of it. `dreaminpainter ablate` does
# this for the configs in `configs/ablations`, one for each question that a reader of the paper asks. Most of them
# train, for hours. This one does not: it samples the model in the box in other ways, on a few drawn scenes.

# %%
import contextlib
import io
import json
import tempfile
import warnings
from pathlib import Path

import pandas as pd
import PIL.Image
import torch
from IPython.display import Image, Markdown
from matplotlib.figure import Figure

from dreaminpainter.cli import main
from dreaminpainter.pictures import to_tensor
from dreaminpainter.visualization import grid_picture

warnings.filterwarnings("ignore")
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


def show(picture: PIL.Image.Image) -> Image:
    """The picture as a PNG of 256 colours, so that the notebook stays small."""
    buffer = io.BytesIO()
    quantized = picture.quantize(256, method=PIL.Image.Quantize.FASTOCTREE, dither=PIL.Image.Dither.NONE)
    quantized.save(buffer, "png", optimize=True)
    return Image(buffer.getvalue())


def show_figure(figure: Figure) -> Image:
    """The same of a plot."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return show(PIL.Image.open(buffer).convert("RGB"))


def cell(guidance: float, steps: int) -> Path:
    """Where a combination was evaluated."""
    return folder / "study" / "cells" / f"guidance={guidance},steps={steps},seed=0" / "evaluation"


# %% [markdown]
# ## Run
#
# A study is a config: a question, axes with their values, and what is measured. Everything but the question has a
# default. Settings of the evaluation begin with `evaluation.`, all others are those of `fit`.

# %%
study = {
    "question": "How do denoising steps and guidance trade the subject against the text?",
    "axes": {
        "guidance": {"setting": "evaluation.methods.ours.init_args.guidance_scale", "values": [1.0, 3.0, 7.5]},
        "steps": {"setting": "evaluation.methods.ours.init_args.num_inference_steps", "values": [3, 10]},
    },
    "figures": ["reference", "text", "seam"],
    "evaluation": {
        "cases": {"class_path": "CrittersCases", "init_args": {"count": 24}},
        "metrics": [{"class_path": "Attributes"}, {"class_path": "Seam"}],
        "quality": [],
        "seeds": 2,
    },
    "output": str(folder / "study"),
}
(folder / "study.json").write_text(json.dumps(study))
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    main(["ablate", "--config", str(folder / "study.json")])

# %% [markdown]
# Ended in the middle and run again, it goes on where it was; run again when all is done, it measures nothing.
#
# ## Load
#
# `results.csv` has a row a combination, every figure with the ends of its 95 % interval. `results.json` has the same,
# and `cells/*/evaluation/results.parquet` a row a fill.

# %%
table = pd.read_csv(folder / "study" / "results.csv")
table.round(2)

# %%
combinations = list(zip(table["guidance"], table["steps"], strict=True))
fills = pd.concat(
    pd.read_parquet(cell(guidance, steps) / "results.parquet").assign(guidance=guidance, steps=steps)
    for guidance, steps in combinations
)
fills = fills[fills["method"] == "ours"]
fills.groupby(["guidance", "steps", "kind"])[["reference", "text"]].mean().round(2).unstack("kind")

# %% [markdown]
# ## Look
#
# Numbers first is the wrong order: here are the same cases, filled from the same noise by each combination.

# %%
some = fills["case"].unique()[:2]
columns = [f"w {guidance:g}, {steps} steps" for guidance, steps in combinations]
rows = []
for case in some:
    own = fills[(fills["case"] == case) & (fills["seed"] == 0)]
    paths = [cell(guidance, steps) for guidance, steps in combinations]
    pictures = [PIL.Image.open(path / name) for path, name in zip(paths, own["picture"], strict=True)]
    rows.append([to_tensor(picture.convert("RGB")).float() / 255 for picture in pictures])
prompts = [fills[fills["case"] == case]["prompt"].iloc[0] for case in some]
show(grid_picture(columns, rows, prompts, cell=120))

# %% [markdown]
# ## Plot
#
# The study has drawn one plot an axis already, with the other axis as lines:

# %%
show(PIL.Image.open(folder / "study" / "guidance.png").convert("RGB"))

# %%
show(PIL.Image.open(folder / "study" / "steps.png").convert("RGB"))

# %% [markdown]
# With the table in hand, any other plot is a few lines. Here each combination is a point between its two goals, with
# the intervals as bars: what lies further up and to the right is better at both.

# %%
figure = Figure(figsize=(5.5, 4), layout="constrained")
place = figure.subplots()
for steps, own in table.groupby("steps"):
    bars = {
        f"{axis}err": [own[name] - own[f"{name} low"], own[f"{name} high"] - own[name]]
        for axis, name in (("x", "reference"), ("y", "text"))
    }
    place.errorbar(own["reference"], own["text"], **bars, fmt="o-", capsize=2, lw=1, label=f"{steps} steps")
    for _, row in own.iterrows():
        place.annotate(f"w = {row['guidance']:g}", (row["reference"], row["text"]), (5, 5), textcoords="offset points")
place.set_xlabel("reference: share of its attributes in the fill")
place.set_ylabel("text: share of what it asks for")
place.spines[["top", "right"]].set_visible(False)
place.legend(frameon=False)
show_figure(figure)

# %% [markdown]
# ## Read
#
# The paragraph of the report is made from the numbers alone: highest and lowest, how far apart, with an interval of the
# difference itself, the size of the effect, and whether the two ranges overlap.

# %%
report = (folder / "study" / "report.md").read_text()
Markdown(report.split("\n\n")[-2])

# %% [markdown]
# Three things to keep in mind:
#
# - **Ranges that overlap can still differ.** All combinations filled the same cases, so what counts is the interval of
#   the difference, case by case. The next plot shows why: what is easy or hard for one is so for the other.
# - **The largest of many differences is large by luck too.** The report allows for that: its interval of the difference
#   is wider than that of two combinations which were chosen beforehand.
# - **Training has luck as well.** This study trained nothing. One that trains says `seeds: [0, 1, 2]`, and its
#   intervals then draw trainings anew beside cases; with a single seed they speak of that one training only.

# %%
means = fills.groupby(["case", "guidance", "steps"])["text"].mean().unstack(["guidance", "steps"])
first, second = means[(1.0, 10)], means[(3.0, 10)]
jitter = 0.02 * torch.randn(2, len(means), generator=torch.Generator().manual_seed(0)).numpy()
figure = Figure(figsize=(4, 4), layout="constrained")
place = figure.subplots()
place.plot([0, 1], [0, 1], color="0.7", lw=1)
place.plot(first + jitter[0], second + jitter[1], "o", alpha=0.6, color="#b5007f")
place.set_xlabel("text, w = 1")
place.set_ylabel("text, w = 3")
place.set_title("above the line, w = 3 is better", fontsize=10)
place.spines[["top", "right"]].set_visible(False)
show_figure(figure)

# %% [markdown]
# To go on: `dreaminpainter ablate --config configs/ablations/k.yaml --output runs/k --jobs 2`, and the same loading,
# looking, plotting and reading.

# %%
temporary.cleanup()
