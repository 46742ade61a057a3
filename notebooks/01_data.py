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
# # What the network will see
#
# From pictures with masks to the batches that are trained on, a picture for each step. Change a line, run it again,
# and look.
#
# The pictures are drawn, so that nothing is downloaded. For photographs, let the environment variable `COCO_ROOT` name
# a folder with COCO 2017 in its own layout (or `DREAMINPAINTER_TEST_DATA` one that holds `coco/`); no line below
# changes. All that is written goes into a temporary folder.

# %%
import logging
import os
import tempfile
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path

import PIL.Image
import pyarrow.parquet as pq
import torch
from IPython.display import Image
from torch import Tensor

from dreaminpainter.cutout import cut_out
from dreaminpainter.data.captioning import ChoiceCaptioner, ClassNameCaptioner, DatasetCaptioner, StoredCaptioner
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.degradation import CoarsePolygon, DroppedParts, Eroded, NoDegradation, Shifted
from dreaminpainter.data.doctor import examine, report_on
from dreaminpainter.data.masking import (
    BoxMask,
    BrushMask,
    ConvexHullMask,
    DilatedMask,
    ElsewhereMask,
    ExactMask,
    ExpandedBoxMask,
    LooseBoxMask,
    MaskGenerator,
    PreciseMask,
)
from dreaminpainter.data.references import (
    Augmentations,
    Blur,
    BlurredScene,
    Colour,
    ColourJitter,
    Elastic,
    FlipRotate,
    NoAugmentation,
    Perspective,
    White,
)
from dreaminpainter.data.sources import Caption, CocoSource, CrittersSource, FolderSource, Instance, ObjectFilter
from dreaminpainter.data.sources.base import HUMAN
from dreaminpainter.data.store.captions import CaptionShards
from dreaminpainter.data.store.preparing import prepare
from dreaminpainter.data.store.reading import PreparedSource
from dreaminpainter.levels import from_levels
from dreaminpainter.randomness import sample_key
from dreaminpainter.visualization import grid_picture, show_hole, show_outline

# What is left out is shown below, where it can be looked at.
logging.disable(logging.INFO)
warnings.filterwarnings("ignore", message=".*left out")

SIZE = 192
test_data = os.environ.get("DREAMINPAINTER_TEST_DATA")
coco = os.environ.get("COCO_ROOT") or (test_data and f"{test_data}/coco")
coco = coco and Path(coco).resolve()

work = tempfile.TemporaryDirectory()
os.chdir(work.name)


def show(picture: PIL.Image.Image) -> Image:
    """The picture as a PNG of 256 colours, so that the notebook stays small."""
    buffer = BytesIO()
    picture.quantize(256, dither=PIL.Image.Dither.NONE).save(buffer, "png", optimize=True)
    return Image(buffer.getvalue())


def table(columns: dict[str, list[Tensor]]) -> Image:
    """The same objects under several settings, a column each."""
    rows = list(zip(*columns.values(), strict=True))
    return show(grid_picture(list(columns), rows, [""] * len(rows), cell=128))


# %% [markdown]
# ## 1. A source, and what it yields
#
# A folder of your own is a picture `NAME.jpg` beside a mask `NAME_mask.png`, white on the subject, and `NAME.txt` with
# captions, if there are any. Here is one, of critters, with two flaws as real folders have them.


# %%
def write(folder: Path, instances: list[Instance]) -> None:
    """Pictures, masks and captions as somebody's own files."""
    folder.mkdir()
    for number, one in enumerate(instances):
        stem = f"critter-{number:02d}"
        PIL.Image.fromarray(one.image.permute(1, 2, 0).numpy()).save(folder / f"{stem}.jpg", quality=95)
        PIL.Image.fromarray(one.mask[0].numpy()).save(folder / f"{stem}_mask.png")
        (folder / f"{stem}.txt").write_text("\n".join(one.captions), encoding="utf-8")


drawn = CrittersSource(size=SIZE, reference_size=16, count=26, seed=1).load(list(range(26)))
top = int(drawn[7].mask[0].any(dim=1).int().argmax())
drawn[7].mask[:, top + 8 :] = False  # almost nothing of it is marked
write(Path("mine"), drawn)
whole_file = Path("mine/critter-13.jpg").read_bytes()
Path("mine/critter-13.jpg").write_bytes(whole_file[: len(whole_file) // 2])  # as after a broken download

source = CocoSource(str(coco), split="val2017") if coco else FolderSource("mine", ObjectFilter(), class_name="critter")
print(f"{type(source).__name__}: {len(source)} objects")

# %% [markdown]
# Each object is an `Instance`: the picture, the object's outline, its class, captions of the whole picture. The
# reference is cut out of the picture itself, unless the source has another picture of the same subject.

# %%
few = [source[len(source) * place // 3] for place in range(3)]
rows = []
for one in few:
    reference, _ = cut_out(*one.subject, size=SIZE)
    rows.append([from_levels(one.image) / 2 + 0.5, show_outline(from_levels(one.image), one.mask), reference / 2 + 0.5])
texts = [f"{one.id}, class name: {one.class_name}. {(one.captions or ['No caption.'])[0]}" for one in few]
show(grid_picture(["picture", "outline", "cut out"], rows, texts, cell=176))

# %% [markdown]
# ## 2. Prepare it
#
# Every object is read and judged once (`dreaminpainter prepare` in a shell). What is broken, too small or too large is
# left out, counted and named; above a share of broken ones it stops. The rest opens memory-mapped.

# %%
manifest = prepare(source, Path("prepared"), num_workers=0)
prepared = PreparedSource("prepared")
print(f"kept {manifest.kept}, left out {manifest.left_out}, broken {manifest.damaged}")
for row in pq.read_table("prepared/left_out.parquet").to_pylist()[:5]:
    print(f"  {row['id']}: {row['damage'] or row['reason']}")

# %% [markdown]
# ## 3. The batch
#
# Of each object a scene with a hole, a reference, and two texts: the class name for the main objective, the caption for
# the regularization. Crop, hole and caption are drawn from seed, pass and id, so this batch is the same for any number
# of workers.

# %%
# Captions that came with the pictures, where all have some.
captioner = DatasetCaptioner() if all(prepared.rows["captions"]) else ClassNameCaptioner()
data = InpaintingDataModule(
    {"mine": prepared},
    validation_share=0.2,
    height=SIZE,
    width=SIZE,
    reference_size=SIZE,
    captioner=captioner,
    batch_size=4,
    num_workers=0,
)
batch = next(iter(data.train_dataloader()))
for name in ("image", "mask", "key"):
    print(f"{name:<17} {tuple(getattr(batch, name).shape)} {getattr(batch, name).dtype}")
print(f"{'reference.pixels':<17} {tuple(batch.reference.pixels.shape)} {batch.reference.pixels.dtype}")

# %%
rows = [
    [batch.image[k] / 2 + 0.5, show_hole(batch.image[k], batch.mask[k]), batch.reference.pixels[k] / 2 + 0.5]
    for k in range(len(batch))
]
texts = [f"{name} | {caption}" for name, caption in zip(batch.class_name, batch.caption, strict=True)]
show(grid_picture(["scene", "hole", "reference"], rows, texts, cell=160))

# %% [markdown]
# ## 4. Swap the holes
#
# The same objects under each `MaskGenerator`, from the exact outline to a hole elsewhere. `LooseBoxMask` is the
# default; the argument `mask` takes any of them. `MixtureMask` draws one for each sample, `ScheduledMask` goes from one
# to another over the training.

# %%
maker = data.maker(seed=0)
few = [prepared[len(prepared) * place // 3] for place in range(3)]
key = torch.tensor([sample_key(0, one.source, one.id) for one in few])
framed = maker.scenes(few, list(key.split(1)))
scenes = [from_levels(one.image) for one in framed]
outlines = torch.stack([one.object_mask for one in framed])

outlined = {
    "ExactMask": ExactMask(),
    "DilatedMask": DilatedMask(),
    "ConvexHullMask": ConvexHullMask(),
    "BrushMask": BrushMask(),
}
boxes = {
    "BoxMask": BoxMask(),
    "ExpandedBoxMask": ExpandedBoxMask(),
    "LooseBoxMask": LooseBoxMask(),
    "ElsewhereMask": ElsewhereMask(BoxMask()),
}


def holes(mask: MaskGenerator) -> list[Tensor]:
    """The scenes with the holes that a generator makes."""
    return [show_hole(scene, hole) for scene, hole in zip(scenes, mask(outlines, key), strict=True)]


table({name: holes(mask) for name, mask in outlined.items()})

# %%
table({name: holes(mask) for name, mask in boxes.items()})

# %% [markdown]
# `PreciseMask` goes from the outline (level 0) to the box (level 6), as SmartBrush does.

# %%
table({f"level {level}": holes(PreciseMask(level, level)) for level in (0, 2, 4, 6)})

# %% [markdown]
# A `MaskDegradation` makes the outlines worse before anything else sees them, to study what careless segmentation
# costs.

# %%
degradations = [NoDegradation(), Eroded(0.04, 0.04), CoarsePolygon(corners=6), Shifted(0.1, 0.1), DroppedParts(2, 2)]
columns = {}
for degradation in degradations:
    worse = degradation(outlines, key)
    columns[type(degradation).__name__] = [show_outline(*pair) for pair in zip(scenes, worse, strict=True)]
table(columns)

# %% [markdown]
# ## 5. Swap the references
#
# A reference that fits into its hole pixel by pixel teaches the model to paste. Augmentations keep it from that; here
# they are stronger than their defaults, to be seen.

# %%
augmentations = {
    "as cut out": NoAugmentation(),
    "FlipRotate": FlipRotate(),
    "Perspective": Perspective(0.2),
    "Elastic": Elastic(0.035, knots=2),
    "ColourJitter": ColourJitter(0.3, 0.3, 0.3, 0.08),
    "Blur": Blur(0.02, 0.02),
    "several": Augmentations([FlipRotate(), Perspective(), ColourJitter()]),
}
reference = maker.references(few, list(key.split(1)))
columns = {}
for name, augmentation in augmentations.items():
    pixels, _ = augmentation(reference.pixels, reference.mask, key)
    columns[name] = list(pixels / 2 + 0.5)
table(columns)

# %% [markdown]
# What lies behind the subject is a `ReferenceBackground`; the paper shows white.

# %%
backgrounds = {"White": White(), "Colour, grey": Colour([127, 127, 127]), "BlurredScene": BlurredScene()}
columns = {name: [] for name in backgrounds}
for name, background in backgrounds.items():
    for one in few:
        image, mask = one.subject
        pixels, _ = cut_out(image, mask, SIZE, background=background(image, mask, key[:1]))
        columns[name].append(pixels / 2 + 0.5)
table(columns)

# %% [markdown]
# ## 6. Swap the captions
#
# `BlipCaptioner` captions as the paper did, by `dreaminpainter caption prepared`; it needs weights, so here a person
# writes. Captions are kept beside the data with who wrote them, and no captioner ever replaces a person's.

# %%
place = next(place for place, texts in enumerate(prepared.rows["captions"]) if texts)
with CaptionShards("prepared/captions") as shards:
    shards.write([(prepared.id_of(place), Caption("the one that I always look at first", of="picture", by=HUMAN))])

captioned = PreparedSource("prepared")[place]  # opened anew: captions are read once
captioned.key = int(key[0])
captioners = {
    "ClassNameCaptioner": ClassNameCaptioner(),
    "DatasetCaptioner, first": DatasetCaptioner("first"),
    "DatasetCaptioner, random": DatasetCaptioner("random"),
    "StoredCaptioner": StoredCaptioner(),
    "ChoiceCaptioner": ChoiceCaptioner([StoredCaptioner(), ClassNameCaptioner()]),
}
for name, one in captioners.items():
    print(f"{name:<25} {one([captioned.image], [captioned])[0]}")

# %% [markdown]
# ## 7. Merge
#
# Any number of sources, by weight: here one sample of your own folder to three of a drawn world, whose references show
# the subject with another hat, mouth and pose. A fifth of the pictures is held out by content, so that no picture, nor
# a copy of it under another name, is on both sides.

# %%
prepare(CrittersSource(size=SIZE, reference_size=SIZE, count=24, view="cross"), Path("drawn"), num_workers=0)
merged = InpaintingDataModule(
    {"mine": prepared, "drawn": PreparedSource("drawn")},
    weights={"mine": 1, "drawn": 3},
    validation_share=0.2,
    samples_per_epoch=100,
    height=SIZE,
    width=SIZE,
    reference_size=SIZE,
    captioner=captioner,
    batch_size=6,
    num_workers=0,
)
loader = merged.train_dataloader()
print("an epoch:", dict(sorted(Counter(pick.source for pick in loader.sampler).items())))
held_out = {content for side in merged.validation.values() for content in side.contents()}
trained = {content for side in merged.train.values() for content in side.contents()}
print("pictures on both sides:", len(held_out & trained))

# %%
batch = next(iter(loader))
columns = {}
for k, name in enumerate(batch.source):
    hole, reference = show_hole(batch.image[k], batch.mask[k]), batch.reference.pixels[k] / 2 + 0.5
    columns[f"{k + 1}: {name}"] = [hole, reference]
table(columns)

# %% [markdown]
# ## 8. Hand it to the doctor
#
# It reads all records, opens objects as training would, and says what is wrong before an hour of training finds out.
# `dreaminpainter doctor` does the same for a config or a prepared folder, and writes `report.html` with a contact
# sheet.


# %%
def diagnose(data: InpaintingDataModule, subject: str) -> None:
    """Prints the verdict and what was found."""
    report = report_on(examine(data, samples=32, num_workers=0), [subject])
    print(report.verdict)
    for finding in report.findings:
        print(f"- {finding.level}, {finding.check}: {finding.message}")


diagnose(merged, "merged")

# %% [markdown]
# The commonest mistake is a mask that is white where the subject is not. The doctor sees it:

# %%
for one in drawn:
    one.mask = ~one.mask
write(Path("inverted"), drawn[8:13])
inverted = FolderSource("inverted", class_name="critter")
settings = {"height": SIZE, "width": SIZE, "reference_size": SIZE, "batch_size": 1}
diagnose(InpaintingDataModule({"inverted": inverted}, validation={}, **settings), "inverted")
