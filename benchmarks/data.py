"""How fast data is opened, made into samples, chosen and captioned, each beside what people use otherwise."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from benchmarks.data_captioning import captioning
from benchmarks.data_opening import opening
from benchmarks.data_order import order
from benchmarks.data_samples import sample_making
from benchmarks.sections import write_sections

RESULT = "benchmarks/results/data.md"

Section = Literal["opening", "samples", "order", "captioning"]
TITLES: dict[Section, str] = {
    "opening": "Opening prepared data",
    "samples": "Making samples",
    "order": "Choosing by weight, and shuffling",
    "captioning": "Captioning",
}
_HEAD = """# Data: opened, made into samples, chosen, captioned

Medians, with the least and the greatest in brackets; ratios are taken round by round. Written by \
`python -m benchmarks data`."""


def data(
    coco: str | None = None,
    split: str = "val2017",
    objects: int = 1_000_000,
    size: int = 512,
    samples: int = 128,
    pictures: int = 16,
    repeats: int = 5,
    only: list[Section] | None = None,
    output: str = RESULT,
) -> None:
    """Measures how fast data is, side by side with pycocotools, torchvision, torch and transformers, on Linux.

    Times mean something on a quiet machine alone. The made-up annotations need 1.2 KB an object in the folder for
    temporary files (TMPDIR), and pycocotools 2 KB an object of memory.

    Args:
        coco: a folder in COCO's layout, for photographs; coco/ in the folder that DREAMINPAINTER_TEST_DATA names where
            left out.
        split: name of its pictures' folder.
        objects: how many made-up annotations are opened; the numbers to choose from go from a hundredth of it to a
            hundred times as many.
        size: side of scenes and references in pixels.
        samples: how many make one measurement of sample making, a multiple of 8.
        pictures: how many make one measurement of captioning.
        repeats: how many measurements of each side.
        only: sections to measure, such as [opening, order]; the others stay in the file as they are.
        output: the Markdown file to write.
    """
    photographs = Path(coco or Path(os.environ.get("DREAMINPAINTER_TEST_DATA", "data")) / "coco")
    sections: dict[Section, Callable[[], list[str]]] = {
        "opening": lambda: opening(objects, repeats),
        "samples": lambda: sample_making(photographs, split, size, samples, repeats),
        "order": lambda: order([objects * 10**power // 100 for power in range(5)], repeats),
        "captioning": lambda: captioning(photographs, split, pictures, repeats),
    }
    write_sections(Path(output), _HEAD, TITLES, sections, only)
