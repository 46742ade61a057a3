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
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, Markdown

from dreaminpainter.cli import main

warnings.filterwarnings("ignore")

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
    "output": "study",
}
Path("study.json").write_text(json.dumps(study))
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    main(["ablate", "--config", "study.json"])

# %% [markdown]
# Ended in the middle and run again, it goes on where it was; run again when all is done, it measures nothing.
#
# ## Load
#
# `results.csv` has a row a combination, every figure with the ends of its 95 % interval. `results.json` has the same,
# and `cells/*/evaluation/results.parquet` a row a fill.

# %%
table = pd.read_csv("study/results.csv")
table.round(2)

# %%
fills = pd.concat(
    pd.read_parquet(f"study/cells/guidance={guidance},steps={steps},seed=0/evaluation/results.parquet").assign(
        guidance=guidance, steps=steps
    )
    for guidance, steps in zip(table["guidance"], table["steps"], strict=True)
)
fills = fills[fills["method"] == "ours"]
fills.groupby(["guidance", "steps", "kind"])[["reference", "text"]].mean().round(2).unstack("kind")

# %% [markdown]
# ## Plot
#
# The study has drawn one plot an axis already:

# %%
Image("study/guidance.png")

# %% [markdown]
# With the table in hand, any other plot is a few lines. Here each combination is a point between its two goals, with
# the intervals as bars: what lies further up and to the right is better at both.

# %%
figure, place = plt.subplots(figsize=(5.5, 4), layout="constrained")
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
_ = place.legend(frameon=False)

# %% [markdown]
# ## Read
#
# The paragraph of the report is made from the numbers alone: highest and lowest, how far apart, with an interval of the
# difference itself, the size of the effect, and whether the two ranges overlap.

# %%
report = Path("study/report.md").read_text()
Markdown(report.split("\n\n")[-2])

# %% [markdown]
# Three things to keep in mind:
#
# - **Intervals that overlap can still differ.** Both combinations filled the same cases, so what counts is the interval
#   of the difference, case by case; it is much narrower than the two ranges suggest.
# - **Look at every figure.** More guidance follows the text further, and what it does to the subject is in the other
#   column. A study that shows one goal alone shows nothing.
# - **Training has luck too.** This study trained nothing. One that trains says `seeds: [0, 1, 2]`, and its intervals
#   then draw trainings anew as well as cases; with a single seed they speak of that one training only.
#
# To go on: `dreaminpainter ablate --config configs/ablations/k.yaml --output runs/k --jobs 2`, and the same loading,
# plotting and reading.
