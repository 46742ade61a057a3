# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which tokens stand for the subject
#
# A reference picture is read as N tokens; only K of them reach the network that fills the hole. Here is how they are
# chosen, what else could be chosen, and what that does to the fills. At the end you write a selector of your own.
#
# The model is the one that comes with the package, and small: it shows how the parts work together, not how well the
# method does at full size. References are drawn; for photographs, let the environment variable `COCO_ROOT` name a
# folder with COCO 2017 in its own layout (or `DREAMINPAINTER_TEST_DATA` one that holds `coco/`). Holes are filled in
# drawn scenes all the same, since the model knows no others.

# %%
import logging
import os
import warnings
from dataclasses import replace
from io import BytesIO

import PIL.Image
import torch
import torch.nn.functional as F
from IPython.display import Image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.cutout import boxes_of, cut_out
from dreaminpainter.data.critters import IDENTITY
from dreaminpainter.data.masking import LooseBoxMask
from dreaminpainter.data.masking.painting import fill_boxes
from dreaminpainter.data.sources import CocoSource, CrittersSource, ObjectFilter
from dreaminpainter.encoding import encode_images, encode_texts
from dreaminpainter.evaluation import AttributeProbes
from dreaminpainter.features import UNetFeatures
from dreaminpainter.filling import fill_batch
from dreaminpainter.network import SubjectInpainter
from dreaminpainter.pretrained import packaged
from dreaminpainter.randomness import sample_key
from dreaminpainter.selection import AllTokens, AttentionRollout, CosineDistance, RandomTokens, TokenSelector
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Batch, Reference, Selection, TokenFeatures
from dreaminpainter.unet import SubjectUNet
from dreaminpainter.visualization import grid_picture, mark_tokens, show_hole

logging.disable(logging.INFO)
warnings.filterwarnings("ignore", message=".*left out")

test_data = os.environ.get("DREAMINPAINTER_TEST_DATA")
coco = os.environ.get("COCO_ROOT") or (test_data and f"{test_data}/coco")


def show(picture: PIL.Image.Image) -> Image:
    """The picture as a PNG of 256 colours, so that the notebook stays small."""
    buffer = BytesIO()
    picture.quantize(256, method=PIL.Image.Quantize.FASTOCTREE, dither=PIL.Image.Dither.NONE).save(
        buffer, "png", optimize=True
    )
    return Image(buffer.getvalue())


def show_figure(figure: Figure) -> Image:
    """The same of a plot."""
    FigureCanvasAgg(figure)
    buffer = BytesIO()
    figure.savefig(buffer)
    return show(PIL.Image.open(buffer).convert("RGB"))


# %% [markdown]
# ## 1. The tokens
#
# `f(x_r) = UNetDown(x_r, t, c)` (eq. 2): the reference, cut out on white (Fig. 2), goes through the down stack of the
# very UNet that fills. A reviewer of the paper tells that t is 0 and that the second down block worked best, which at
# 512 px gives 32 x 32 = 1024 tokens. The packaged model reads references of 128 px by that block, too: 16 x 16 = 256.

# %%
pipeline = DreamInpainterPipeline.from_pretrained("critters")
pipeline.set_progress_bar_config(disable=True)
made_for, trained_k = pipeline.adapter.config, pipeline.network.selector.k

source = (
    CocoSource(coco, split="val2017", keep=ObjectFilter(min_area=0.1, max_area=0.6))
    if coco
    else CrittersSource(size=256, count=30, split="test", seed=1)
)
print(f"{type(source).__name__}: {len(source)} objects")
few = [source[len(source) * place // 3] for place in range(3)]
subjects, outlines = map(
    torch.stack, zip(*(cut_out(*one.subject, made_for.reference_size) for one in few), strict=True)
)


@torch.no_grad()
def read(extractor: UNetFeatures, subjects: Tensor, outlines: Tensor) -> TokenFeatures:
    """The tokens of references on white."""
    reference = Reference(subjects, outlines, latents=encode_images(pipeline.vae, subjects))
    reference.text_states = encode_texts(pipeline.tokenizer, pipeline.text_encoder, reference.text)
    return extractor(reference, pipeline.unet)


features = read(pipeline.network.extractor, subjects, outlines)
count = features.tokens.shape[1]
print("tokens (B, N, D):", tuple(features.tokens.shape), "on a grid of", features.grid)

# %% [markdown]
# ## 2. The paper's scores, by hand
#
# Eq. 3 and 4 are four lines. `d` is called a distance in the text; it is the cosine similarity. The softmax runs over
# the row of token i: what i gives to each j. The score sums the **column**: what all tokens give to i. The row sum is
# 1 for every token, so a swapped axis ranks nothing, and no error tells.
#
# A token unlike all others gets a low score. The K lowest are kept.

# %%
unit = F.normalize(features.tokens, dim=2)
similarity = unit @ unit.mT  # d, eq. 3
given = similarity.softmax(dim=2)  # p, eq. 4
scores = given.sum(dim=1)  # s, eq. 4

rows = given.sum(dim=2)
print(f"row sums    {rows.min():.3f} to {rows.max():.3f}")
print(f"column sums {scores.min():.3f} to {scores.max():.3f}")
chosen = CosineDistance(trained_k)(features)
print("the package's are the same:", bool(torch.allclose(scores, chosen.scores, atol=1e-5)))

# %% [markdown]
# Left, the scores in place (dark is low, so kept first). In the middle, all similarities, tokens in the order of
# their scores; those before the line are kept. White paper is much like white paper: it is the even block at the end.
# Right, how the scores are spread.


# %%
def score_figure(which: int) -> Figure:
    """Scores in place, the similarity matrix, and the histogram of one reference."""
    figure = Figure(figsize=(11, 3.7), dpi=80, layout="constrained")
    place, matrix, histogram = figure.subplots(1, 3)
    place.imshow(subjects[which].permute(1, 2, 0) / 2 + 0.5, extent=(0, 1, 1, 0))
    heat = scores[which].view(features.grid)
    seen = place.imshow(heat, extent=(0, 1, 1, 0), alpha=0.7, cmap="viridis")
    figure.colorbar(seen, ax=place, shrink=0.85)
    place.set(title="score $s_i$ in place", xticks=[], yticks=[])

    order = scores[which].argsort()
    seen = matrix.imshow(similarity[which][order][:, order], cmap="magma", interpolation="nearest")
    figure.colorbar(seen, ax=matrix, shrink=0.85)
    matrix.axhline(trained_k - 0.5, color="#00b4d8")
    matrix.axvline(trained_k - 0.5, color="#00b4d8")
    matrix.set(title="similarity $d_{ij}$, tokens by score", xlabel="token j", ylabel="token i")

    edge = float(scores[which][order[trained_k - 1]])
    for name, colour, part in (
        ("white", "#b5b5b5", ~features.valid[which]),
        ("subject", "#4c72b0", features.valid[which]),
    ):
        histogram.hist(
            scores[which][part],
            bins=40,
            range=(float(scores.min()), float(scores.max())),
            color=colour,
            label=f"tokens on {name}",
            alpha=0.8,
        )
    histogram.axvline(edge, color="#d5009f", label=f"the {trained_k} lowest")
    histogram.set(title="histogram of $s_i$", xlabel="score")
    histogram.legend(frameon=False)
    histogram.spines[["top", "right"]].set_visible(False)
    return figure


show_figure(score_figure(0))

# %% [markdown]
# The scores lie close together, more so with N = 1024, so arithmetic matters. The package computes them in float32
# whatever the surrounding autocast, and sorts stably (our choice; the paper does not say). In bfloat16:

# %%
coarse = F.normalize(features.tokens.bfloat16(), dim=2)
rough = (coarse @ coarse.mT).softmax(dim=2).sum(dim=1).sort(dim=1, stable=True).indices[:, :trained_k]
same = [len(set(left) & set(right)) for left, right in zip(rough.tolist(), chosen.indices.tolist(), strict=True)]
print(f"of the {trained_k} chosen in float32, bfloat16 chooses:", same)

# %% [markdown]
# ## 3. Swap the selector
#
# - `CosineDistance` is the paper's (eq. 3-4), among all tokens, white ones too.
# - With `subject_only` it keeps tokens on the subject first: our option, and how the packaged model was trained.
# - `AttentionRollout` (Abnar & Zuidema 2020) keeps the most attended tokens: an alternative of ours to compare with.
# - `RandomTokens` draws lots from the sample's key: the control that any selection has to beat.
# - `AllTokens` selects nothing. The paper's Fig. 3 shows what training on all tokens gives: copy and paste.
#
# Rollout needs self-attention, and a first down block often has none. The extractor below then lends it that of the
# next block, whose cells are coarser: each stands for several. An extractor is swapped like any other part, by a
# subclass.


# %%
class WithAttention(UNetFeatures):
    """The block's own tokens, with the attention of the next block where it has none itself."""

    def forward(self, reference: Reference, unet: SubjectUNet) -> TokenFeatures:
        features = super().forward(reference, unet)
        if not self.record_attentions or features.attentions is not None:
            return features
        deeper = UNetFeatures(self.block + 1)
        deeper.record_attentions = True
        coarse = deeper(reference, unet)
        places = torch.arange(coarse.grid[0] * coarse.grid[1]).view(1, 1, *coarse.grid).float()
        cell = F.interpolate(places, features.grid, mode="nearest").long().flatten()
        maps = coarse.attentions[:, :, cell][..., cell]
        return replace(features, attentions=maps / maps.sum(dim=3, keepdim=True))


def extractor_for(selector: TokenSelector) -> UNetFeatures:
    """An extractor that gives a selector what it needs."""
    extractor = WithAttention(pipeline.network.extractor.block)
    extractor.record_attentions = selector.needs_attentions
    return extractor


selectors = {
    "CosineDistance": CosineDistance(trained_k),
    "with subject_only": CosineDistance(trained_k, subject_only=True),
    "AttentionRollout": AttentionRollout(trained_k),
    "RandomTokens": RandomTokens(trained_k),
    "AllTokens": AllTokens(),
}
keys = torch.tensor([sample_key(0, one.source, one.id) for one in few])


def marked(subjects: Tensor, selection: Selection, grid: tuple[int, int]) -> list[Tensor]:
    """References with the chosen cells outlined: magenta is the first choice, blue the last."""
    large = F.interpolate(subjects, scale_factor=3, mode="bilinear")
    return [mark_tokens(*pair, grid) for pair in zip(large, selection.indices, strict=True)]


columns = {"reference": list(subjects / 2 + 0.5)}
for name, selector in selectors.items():
    read_by = read(extractor_for(selector), subjects, outlines)
    columns[name] = marked(subjects, selector(read_by, keys), read_by.grid)
show(grid_picture(list(columns), list(zip(*columns.values(), strict=True)), [""] * len(few), cell=156))

# %% [markdown]
# ## 4. From one token to all
#
# The K of the paper's Fig. 7, and all. A choice of K is the beginning of every larger one. `with_k` copies a selector.

# %%
ladder = [k for k in (1, 4, 8, 16, 24, 48) if k < count]
selector = selectors["with subject_only"]
strip = {f"K = {k}": marked(subjects, selector.with_k(k)(features), features.grid) for k in ladder}
strip["all"] = marked(subjects, AllTokens()(features), features.grid)
show(grid_picture(list(strip), list(zip(*strip.values(), strict=True))[:2], ["", ""], cell=128))

# %% [markdown]
# ## 5. Fills over K
#
# In the paper's Fig. 7 the identity grows with K: colour first, then parts, then marks. Here the same hole, text and
# noise are given with each K. The packaged model was trained with one K only, so other K are a surprise to it, above
# all large ones.
#
# The scenes are of identities that it never saw; the reference shows its own hat, mouth and pose, the text asks for
# those of the scene.


# %%
def cases(count: int) -> tuple[Batch, dict[str, Tensor], Tensor]:
    """Held-out scenes with loose holes around critter, hat and ride; their attributes; where the critter is."""
    size, side = made_for.image_size[0], made_for.reference_size
    source = CrittersSource(size=size, reference_size=side, count=count, split="test", view="cross", seed=3)
    drawing = source.draw(torch.arange(count))
    ids = [source.id_of(index) for index in range(count)]
    keys = torch.tensor([sample_key(0, "notebook", name) for name in ids])
    holes = LooseBoxMask(1.1, 1.5)(fill_boxes(drawing.subject_box, drawing.mask), keys)
    reference = Reference(drawing.reference_image, drawing.reference_mask)
    texts = [texts[0] for texts in drawing.captions]
    batch = Batch(drawing.image, holes, reference, ["critter"] * count, texts, [source.name] * count, ids, keys)
    return batch, drawing.attribute_codes, drawing.mask


batch, codes, critter = cases(16)
all_tokens = [*ladder, count]
fills = [fill_batch(pipeline, batch, k=k).images for k in all_tokens]
titles = ["hole", "reference", *(f"K = {k}" for k in ladder), "all"]
shown = range(3)
rows = [
    [show_hole(batch.image[k], batch.mask[k]), batch.reference.pixels[k] / 2 + 0.5, *(fill[k] for fill in fills)]
    for k in shown
]
show(grid_picture(titles, rows, [batch.caption[k] for k in shown], cell=112))

# %% [markdown]
# ## 6. Fills over selectors
#
# Now K stays and the selector changes. Pipeline and training share one network, `SubjectInpainter`: UNet, adapter,
# extractor, selector. A pipeline with another selector is the same parts around another such network.


# %%
def pipeline_with(selector: TokenSelector) -> DreamInpainterPipeline:
    """The packaged model, reading what `selector` chooses."""
    network = SubjectInpainter(pipeline.unet, pipeline.adapter, extractor_for(selector), selector)
    changed = DreamInpainterPipeline(**pipeline.components, network=network)
    changed.set_progress_bar_config(disable=True)
    return changed


outputs = {name: fill_batch(pipeline_with(selector), batch) for name, selector in selectors.items()}
rows = [
    [show_hole(batch.image[k], batch.mask[k]), batch.reference.pixels[k] / 2 + 0.5]
    + [output.images[k] for output in outputs.values()]
    for k in shown
]
show(grid_picture(["hole", "reference", *outputs], rows, [""] * len(rows), cell=128))

# %% [markdown]
# ## 7. Write your own
#
# The paper scores every token by itself, so two tokens that are like each other, and like nothing else, are both
# chosen: two eyes, say. Here is a selector that looks at what it has: each next token is the one whose nearest
# relative among those chosen is farthest (farthest-first traversal, Gonzalez 1985). It is no part of the paper or of
# the package. A selector is `forward` from `TokenFeatures` to `Selection`; `rank` sorts, leaves a class token out and
# knows `subject_only`.


# %%
class FarthestFirst(TokenSelector):
    """Keeps the K tokens that are least like those before them."""

    @torch.no_grad()
    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        unit = F.normalize(features.tokens.float(), dim=2)
        similarity = unit @ unit.mT
        nearest, place = similarity.sum(dim=2), torch.zeros_like(similarity[:, 0])
        for step in range(place.shape[1]):
            pick = nearest.argmin(dim=1, keepdim=True)
            place.scatter_(1, pick, float(step))
            row = similarity.take_along_dim(pick[..., None], dim=1)[:, 0]
            nearest = (row if step == 0 else nearest.maximum(row)).scatter(1, pick, torch.inf)
        return rank(place, features, self.k, subject_only=self.subject_only)


selectors["FarthestFirst"] = FarthestFirst(trained_k, subject_only=True)
outputs["FarthestFirst"] = fill_batch(pipeline_with(selectors["FarthestFirst"]), batch)

columns = {"reference": [batch.reference.pixels[k] / 2 + 0.5 for k in shown]}
for name in ("with subject_only", "FarthestFirst"):
    found = outputs[name]
    tokens = marked(found.reference, found.subject.selection, found.subject.features.grid)
    columns[name] = tokens[: len(shown)]
    columns["its fill" if name == "FarthestFirst" else "fill"] = list(found.images[: len(shown)])
show(grid_picture(list(columns), list(zip(*columns.values(), strict=True)), [""] * len(shown), cell=160))

# %% [markdown]
# ## 8. In one table
#
# What was chosen:
#
# - *shared*: the part of `CosineDistance`'s tokens that is among the selector's;
# - *on subject*: the part of its tokens that touches the subject;
# - *spread*: the mean distance between two of its tokens, as a share of the picture's side;
# - *alike*: the mean cosine similarity of two of its tokens.
#
# What came of it:
#
# - *colour*: how far the mean colour of the fill, where the critter was drawn, lies from that of the reference, in
#   levels of 255. No network judges here;
# - *palette* and *identity*: how often `AttributeProbes`, small classifiers trained on true drawings alone, see the
#   reference's palette, and all five attributes that no text tells, in percent.
#
# The true drawings are the ceiling; fills after another critter's reference are the floor. Colour is not 0 for the
# ceiling, since hats differ and light does.

# %%
probes = AttributeProbes.from_pretrained(packaged("critters-probes"), dtype=torch.float32).eval()


def choice_figures(selection: Selection, features: TokenFeatures, first: Selection) -> list[float]:
    """Shared, on subject, spread and alike."""
    indices, (height, width) = selection.indices, features.grid
    shared = (first.indices[:, :, None] == indices[:, None]).any(dim=2).float().mean()
    on_subject = features.valid.gather(1, indices).float().mean()
    cells = torch.stack([indices // width / height, indices % width / width], dim=2)
    unit = F.normalize(features.tokens.take_along_dim(indices[..., None], dim=1), dim=2)
    pairs = torch.triu_indices(indices.shape[1], indices.shape[1], offset=1)
    spread = torch.cdist(cells, cells)[:, pairs[0], pairs[1]].mean()
    alike = (unit @ unit.mT)[:, pairs[0], pairs[1]].mean()
    return [100 * float(shared), 100 * float(on_subject), float(spread), float(alike)]


def mean_colour(pictures: Tensor, where: Tensor) -> Tensor:
    """(B, 3), of pictures in [0, 1], in levels."""
    return 255 * (pictures * where).sum((2, 3)) / where.sum((2, 3))


def fill_figures(pictures: Tensor) -> list[float]:
    """Colour, palette and identity."""
    reference = mean_colour(batch.reference.pixels / 2 + 0.5, batch.reference.mask)
    colour = (mean_colour(pictures, critter) - reference).norm(dim=1).mean()
    right = probes.right(pictures * 2 - 1, boxes_of(batch.mask).float(), {name: codes[name] for name in IDENTITY})
    identity = torch.stack([right[name].float() for name in IDENTITY]).mean()
    return [float(colour), 100 * float(right["palette"].float().mean()), 100 * float(identity)]


print(f"{'':<18}{'shared':>8}{'on subject':>12}{'spread':>8}{'alike':>8}{'colour':>9}{'palette':>9}{'identity':>10}")
first = outputs["CosineDistance"].subject.selection
for name, output in outputs.items():
    shared, on_subject, spread, alike = choice_figures(output.subject.selection, output.subject.features, first)
    colour, palette, identity = fill_figures(output.images)
    print(
        f"{name:<18}{shared:>8.0f}{on_subject:>12.0f}{spread:>8.2f}{alike:>8.2f}"
        f"{colour:>9.0f}{palette:>9.0f}{identity:>10.0f}"
    )
others = Reference(batch.reference.pixels.roll(1, 0), batch.reference.mask.roll(1, 0))
ends = {
    "true drawing": batch.image / 2 + 0.5,
    "another reference": fill_batch(pipeline, replace(batch, reference=others)).images,
}
for name, pictures in ends.items():
    colour, palette, identity = fill_figures(pictures)
    print(f"{name:<18}{'':>36}{colour:>9.0f}{palette:>9.0f}{identity:>10.0f}")

# %% [markdown]
# Read it with care. These are few fills, and the same model under each selector: it was trained with one of them, and
# that one is at home here. The table tells how a trained model bears another choice, not which choice is best to train
# with. For that, train each from nothing and measure them alike:
#
# ```bash
# dreaminpainter fit --config configs/critters.yaml --config configs/ablations/layers/study.yaml \
#     --config configs/selection/random.yaml --trainer.default_root_dir runs/random
# python -m benchmarks critters --model runs/random/checkpoints/last.ckpt --output random.md
# ```
#
# A class of your own needs a file that Python finds, and a line; nothing in the package is edited:
#
# ```bash
# dreaminpainter fit --config configs/critters.yaml --config configs/ablations/layers/study.yaml \
#     --model.selector my_parts.FarthestFirst --model.selector.init_args.k 24 --trainer.default_root_dir runs/farthest
# ```
