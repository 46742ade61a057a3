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
# # Your subject in your scene
#
# From a scene, a mask, a reference and a text to a filled picture; then what to do with it, and how to go on to a
# model of your own.

# %%
import logging
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from IPython.display import Image
from torch import Tensor
from torchvision.transforms.functional import to_tensor

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.data.critters import captions
from dreaminpainter.data.masking import LooseBoxMask
from dreaminpainter.data.masking.painting import fill_boxes
from dreaminpainter.data.sources import CrittersSource
from dreaminpainter.pictures import open_mask, open_reference, open_scene
from dreaminpainter.preprocessing import to_output
from dreaminpainter.tokenizer import spelled_words
from dreaminpainter.visualization import grid_picture, mark_tokens, show_hole, to_image

logging.disable(logging.INFO)

temporary = tempfile.TemporaryDirectory()


def show(picture: PIL.Image.Image) -> Image:
    """The picture as a PNG of 256 colours, so that the notebook stays small."""
    buffer = BytesIO()
    quantized = picture.quantize(256, method=PIL.Image.Quantize.FASTOCTREE, dither=PIL.Image.Dither.NONE)
    quantized.save(buffer, "png", optimize=True)
    return Image(buffer.getvalue())


# %% [markdown]
# Name your files here. Where they are None, three are drawn, so that the notebook runs as it is. The model that comes
# with the package knows drawn critters and nothing else: on a photograph it shows that everything works, and paints
# blots. For photographs, train a model (section 8) and name it as `MODEL`.

# %%
SCENE = None  # a picture of any size
MASK = None  # of the scene's size, white where it is to be filled
REFERENCE = None  # the subject, cut out by its transparency
REFERENCE_MASK = None  # or by this: of the reference's size, white on the subject
PROMPT = None  # what the filled picture shows
MODEL = "critters"  # or the folder of an exported model, or a training checkpoint
SETTINGS = {}  # of every call below, such as {"padding_mask_crop": 64, "feather": 4}
OUTPUT = None  # the folder to write into; a temporary one where None

folder = Path(OUTPUT or temporary.name)
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## 1. Three files
#
# A scene with a critter in it; a mask, loosely around that one; another critter, cut out. The prompt has to describe
# the whole picture, as captions of the training data do, in [words that the model
# learned](../dreaminpainter/vocabulary.py).

# %%
if not (SCENE and MASK and REFERENCE):
    drawing = CrittersSource(size=128, reference_size=256, count=60, split="test", view="cross", seed=7).draw(
        torch.tensor([45, 4])
    )
    hole = LooseBoxMask(1.3, 1.3, max_aspect=1.0)(fill_boxes(drawing.subject_box, drawing.mask), torch.tensor([1, 2]))
    (scene,) = to_output([drawing.image[0] / 2 + 0.5], "pil")
    mask = to_image(hole[0].expand(3, -1, -1)).convert("L")
    reference = to_image(drawing.reference_image[1] / 2 + 0.5)
    reference.putalpha(to_image(drawing.reference_mask[1].expand(3, -1, -1)).convert("L"))
    SCENE, MASK, REFERENCE = (folder / f"{name}.png" for name in ("scene", "mask", "reference"))
    for picture, path in ((scene, SCENE), (mask, MASK), (reference, REFERENCE)):
        picture.save(path)
    place = {name: drawing.attributes[0][name] for name in ("place", "weather", "time")}
    wish = {"hat": "crown", "mouth": "smile", "pose": "wave", "ride": "skateboard"}
    PROMPT = captions([place | wish], torch.tensor([0]))[0][0]

for path in (SCENE, MASK, REFERENCE):
    print(f"{Path(path).name:<14} {PIL.Image.open(path).size} {PIL.Image.open(path).mode}")
print("prompt:", PROMPT)

# %% [markdown]
# The pipeline takes pictures from Pillow as they are. Opening them with the package's functions first turns them
# upright, brings odd files into 8 bits, and refuses what would lose something unseen; every change is noted
# ([all kinds of files](../docs/pictures.md)).

# %%
notes: list[str] = []
scene = open_scene(str(SCENE), notes)
mask = open_mask(str(MASK), notes, size=scene.size)
reference, outline = open_reference(str(REFERENCE), notes, REFERENCE_MASK)
print("\n".join(notes) or "nothing was changed")

white = PIL.Image.new("RGB", reference.size, "white")
on_white = PIL.Image.composite(reference, white, outline) if outline else reference
hole = show_hole(to_tensor(scene) * 2 - 1, to_tensor(mask))
show(grid_picture(["scene", "hole", "subject"], [[to_tensor(scene), hole, to_tensor(on_white)]], [PROMPT], cell=224))

# %% [markdown]
# ## 2. Fill
#
# Steps and guidance are by default those that the model was made for. A prompt with words that the model never learned
# is read letter by letter, so ask before you wonder.

# %%
pipeline = DreamInpainterPipeline.from_pretrained("critters") if MODEL == "critters" else load_pipeline(MODEL)
pipeline.set_progress_bar_config(disable=True)
print("unknown words:", spelled_words(pipeline.tokenizer, PROMPT) or "none")


def fill(prompt: str = PROMPT, seed: int = 0, **settings: object) -> PIL.Image.Image:
    """The scene with its hole filled; the same seed gives the same noise."""
    result = pipeline(
        prompt=prompt,
        image=scene,
        mask_image=mask,
        reference_image=reference,
        reference_mask=outline,
        generator=torch.Generator().manual_seed(seed),
        **(SETTINGS | settings),
    )
    return result.images[0]


filled = fill()
show(grid_picture(["hole", "subject", "filled"], [[hole, to_tensor(on_white), to_tensor(filled)]], [PROMPT], cell=224))

# %% [markdown]
# ## 3. The background is what it was
#
# Not nearly: every pixel outside the mask is written as it was read. Count those that changed:

# %%
before, after, inside = np.array(scene), np.array(filled), np.array(mask) > 0
changed = (before != after).any(axis=2)
print(f"changed outside the mask: {changed[~inside].sum()} of {(~inside).sum()} pixels")
print(f"changed inside the mask:  {changed[inside].sum()} of {inside.sum()} pixels")

# %% [markdown]
# ## 4. Try several
#
# One generator a fill makes each of them repeatable by itself: the third of four is the same picture as that seed
# alone. With the paper's way of noise everything in the hole is made up, so seeds differ in all that neither text nor
# subject decides.

# %%
seeds = [0, 1, 2, 3]
several = pipeline(
    prompt=PROMPT,
    image=scene,
    mask_image=mask,
    reference_image=reference,
    reference_mask=outline,
    num_images_per_prompt=len(seeds),
    generator=[torch.Generator().manual_seed(seed) for seed in seeds],
    **SETTINGS,
)
show(grid_picture([f"seed {seed}" for seed in seeds], [[to_tensor(one) for one in several.images]], [""], cell=192))

# %% [markdown]
# ## 5. What was taken of the subject
#
# Of the N tokens of the reference only K reach the network (eq. 3-4). The result knows them, best first: outlines run
# from magenta for the first to blue for the last. Parts of the subject with no token near them are not seen by the
# network, and are made up. [02_token_selection](02_token_selection.ipynb) goes on from here.

# %%
features, selection = several.subject.features, several.subject.selection
seen = F.interpolate(several.reference[:1], 512, mode="bilinear")[0]
tokens = mark_tokens(seen, selection.indices[0], features.grid, features.has_class_token)
print(f"{selection.indices.shape[1]} of {features.tokens.shape[1]} tokens")
show(grid_picture(["what the network was given", "chosen"], [[seen / 2 + 0.5, tokens]], [""], cell=288))

# %% [markdown]
# ## 6. How strongly the text is followed
#
# Eq. 5 is `ε(x_t, ∅, c_r) + w (ε(x_t, c, c_r) − ε(x_t, ∅, c_r))`: the reference is in both branches, so w pushes along
# the text alone. At w = 1 there is no push. The paper's w is 7.5; too large a value burns colours, and small models
# stand less of it. Below, two prompts and the same seed: what changes between the rows is what the text decides.


# %%
def strip(prompt: str, scales: list[float]) -> list[Tensor]:
    """Fills over the guidance scale."""
    return [to_tensor(fill(prompt, guidance_scale=scale)) for scale in scales]


scales = [1.0, 2.0, 3.0, 5.0, 7.5]
other = PROMPT.replace("crown", "top hat").replace("skateboard", "drum").replace("smiling", "grumpy")
rows = [strip(PROMPT, scales), strip(other, scales)]
show(grid_picture([f"w = {scale:g}" for scale in scales], rows, [PROMPT, other], cell=144))

# %% [markdown]
# ## 7. Keep it
#
# A PNG keeps every pixel; a JPEG would change them all, outside the mask too. The model is kept as a folder, and fills
# with the same bits when it is loaded again.

# %%
filled.save(folder / "filled.png")
again = np.array(PIL.Image.open(folder / "filled.png"))
print("the PNG holds the same pixels:", np.array_equal(again, after))

pipeline.save_pretrained(folder / "my-inpainter")
pipeline = DreamInpainterPipeline.from_pretrained(str(folder / "my-inpainter"))
pipeline.set_progress_bar_config(disable=True)
print("the saved model fills the same:", np.array_equal(np.array(fill()), after))

# %% [markdown]
# In a shell the same is one command; `--jobs FOLDER` fills many ([docs/inpainting.md](../docs/inpainting.md)):
#
# ```bash
# dreaminpainter inpaint --image scene.png --mask_image mask.png --reference_image reference.png \
#     --prompt "a smiling critter with a crown waves" --output filled.png --explain tokens.png
# ```
#
# ## 8. Go on with a model of your own
#
# **Photographs** need a model that was trained on photographs. A folder with `rex.jpg` and `rex_mask.png`, white on the
# subject, is enough to begin with; for a model that keeps subjects that it never saw, COCO and its kin have to be
# merged with it ([configs/data/merged.yaml](../configs/data/merged.yaml)).
#
# ```bash
# dreaminpainter prepare FolderSource --source.root my-photographs --source.class_name dog --output data/mine
# dreaminpainter caption data/mine
# dreaminpainter doctor data/mine
# dreaminpainter fit --config configs/sd15.yaml --config configs/data/prepared.yaml \
#     --data.train.mine.init_args.root data/mine
# ```
#
# The last line starts from the published Stable Diffusion 1.5 weights and wants a GPU; the README tells what it needs.
# What `prepare` writes is in [docs/prepared.md](../docs/prepared.md), and [01_data](01_data.ipynb) shows what the
# network will see. There are no trained weights of that size to download, and we have not trained any.
#
# To see the whole way on a laptop, go on training the packaged model for a minute:
#
# ```bash
# dreaminpainter fit --config configs/quickstart.yaml
# ```
#
# **A checkpoint** is used where a model is named, `--checkpoint` in the shell and `MODEL` above:
#
# ```python
# from dreaminpainter.checkpoints import load_pipeline
#
# pipeline = load_pipeline("runs/quickstart/checkpoints/last.ckpt")
# ```
#
# **To give it away**, export it: averaged weights in safetensors, a model card, and the code that plain diffusers
# needs.
#
# ```bash
# dreaminpainter export runs/quickstart/checkpoints/last.ckpt mine --license apache-2.0
# ```
#
# Whoever has diffusers and transformers, and not this package, loads that folder, or the name that `--push_to_hub` gave
# it, and calls it as above:
#
# ```python
# from diffusers import DiffusionPipeline
#
# pipeline = DiffusionPipeline.from_pretrained("mine", trust_remote_code=True)
# ```
