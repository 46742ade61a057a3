"""Captioning: pictures a second by batch size, beside transformers' `generate` called picture by picture."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from torch import Tensor
from transformers import BlipForConditionalGeneration, BlipProcessor

from benchmarks.random_blip import save_random_blip
from benchmarks.statistics import table
from benchmarks.timing import alternating, ratio, spread
from dreaminpainter.data.captioning import BlipCaptioner
from dreaminpainter.pictures import open_stored, to_tensor

BATCHES = (1, 2, 4, 8, 16)
TOKENS = 20
_ONE_BY_ONE = "generate, picture by picture"

Describe = Callable[[list[Tensor]], list[str]]
"""(3, H, W) uint8 pictures to captions."""


def captioning(coco: Path, split: str, pictures: int, repeats: int, hidden: int = 256, layers: int = 4) -> list[str]:
    """The section's text.

    Args:
        coco: a folder in COCO's layout.
        split: name of the pictures' folder.
        pictures: how many make one measurement.
        repeats: how many measurements.
        hidden: width of the network.
        layers: of its image and its text half each.
    """
    paths = sorted((coco / split).glob("*.jpg"))[:pictures]
    images = [to_tensor(open_stored(path, [])) for path in paths]
    with TemporaryDirectory() as folder:
        save_random_blip(Path(folder), hidden, layers)
        sides = describers(folder)
        captions = {side: describe(images) for side, describe in sides.items()}
        rates = alternating({side: partial(_rate, describe, images) for side, describe in sides.items()}, repeats)
    rows = [
        [
            side,
            spread(rates[side]),
            ratio(rates[side], rates[_ONE_BY_ONE]),
            str(sum(one == other for one, other in zip(captions[side], captions[_ONE_BY_ONE], strict=True))),
        ]
        for side in sides
    ]
    return [
        f"{len(images)} photographs by a BLIP of random weights (width {hidden}, {layers} layers each for picture and "
        f"text, pictures of 224 px), which never ends a caption early: {TOKENS} tokens by a beam search of width 3, so "
        "that speed does not depend on the weights. A trained checkpoint is larger, and gains by batches in other "
        f"measure. {repeats} times all pictures, in turns.",
        "",
        *table(["", "pictures a second", "times picture by picture", "same captions"], rows),
    ]


def describers(folder: str) -> dict[str, Describe]:
    """transformers' own way, and `BlipCaptioner` by batch size.

    Args:
        folder: of network and processor.
    """
    network = BlipForConditionalGeneration.from_pretrained(folder, use_safetensors=True).eval()
    processor = BlipProcessor.from_pretrained(folder)

    @torch.no_grad()
    def one_by_one(images: list[Tensor]) -> list[str]:
        texts = []
        for image in images:
            inputs = processor(images=image, return_tensors="pt")
            tokens = network.generate(**inputs, num_beams=3, max_new_tokens=TOKENS)
            texts.append(processor.decode(tokens[0], skip_special_tokens=True).strip())
        return texts

    def ours(batch_size: int) -> Describe:
        captioner = BlipCaptioner(folder, max_new_tokens=TOKENS, batch_size=batch_size)
        return lambda images: captioner(images, [])

    return {_ONE_BY_ONE: one_by_one} | {f"ours, batches of {one}": ours(one) for one in BATCHES}


def _rate(describe: Describe, images: list[Tensor]) -> float:
    start = perf_counter()
    describe(images)
    return len(images) / (perf_counter() - start)
