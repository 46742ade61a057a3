"""Embeddings of a method's fills, and of the real pictures, for figures of all of them together."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from dreaminpainter.evaluation.cases import Case, CaseSet
from dreaminpainter.evaluation.cases.problem import refuse_changed
from dreaminpainter.evaluation.encoders import ImageEncoder
from dreaminpainter.evaluation.metrics import Crop
from dreaminpainter.pictures import mask_to_tensor, open_mask, open_scene, to_tensor

_AT_ONCE = 16
"""Cases whose pictures are held in memory; there may be thousands."""


def embeddings(
    views: list[tuple[ImageEncoder, Crop]], cases: CaseSet, files: Callable[[Case], list[Path]]
) -> list[Tensor]:
    """(n, D) of each view: of the crops around the holes of n pictures.

    Args:
        views: what embeds, and what of each picture.
        cases: whose pictures.
        files: a case's pictures, of its scene's size.

    Raises:
        InputError: a scene, mask or truth is another than when its case was written.
    """
    parts: list[list[Tensor]] = [[] for _ in views]
    for start in range(0, len(cases), _AT_ONCE):
        some = cases.cases[start : start + _AT_ONCE]
        pictures = [found for case in some for found in _pictures(cases, case, files(case))]
        for own, (encoder, crop) in zip(parts, views, strict=True):
            own.append(encoder.features([crop.of(picture, mask) for picture, mask in pictures]))
    return [torch.cat(own) for own in parts]


def _pictures(cases: CaseSet, case: Case, files: list[Path]) -> Iterator[tuple[Tensor, Tensor]]:
    """(3, H, W) in [0, 1] of each file, with the case's hole (1, H, W)."""
    mask = mask_to_tensor(open_mask(cases.folder / case.mask, [])).float()
    refuse_changed(cases, case, ("scene", "mask", "truth"))
    for file in files:
        yield to_tensor(open_scene(file, [])).float() / 255, mask
