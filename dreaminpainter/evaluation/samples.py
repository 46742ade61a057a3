"""A fill beside what it is judged by."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.evaluation.cases import Case, Problem
from dreaminpainter.pictures import mask_to_tensor, to_tensor


@dataclass
class Sample:
    """One fill of one case.

    Args:
        case: the case.
        seed: which of its fills it is.
        fill: (3, H, W) in [0, 1].
        scene: (3, H, W) in [0, 1].
        mask: (1, H, W) in {0, 1}, 1 in the hole.
        reference: (3, h, w) in [0, 1], as photographed.
        reference_mask: (1, h, w) in {0, 1}, 1 on the subject.
        unrelated: (3, h', w') in [0, 1], the cut-out on white of another case's subject, for comparison.
    """

    case: Case
    seed: int
    fill: Tensor
    scene: Tensor
    mask: Tensor
    reference: Tensor
    reference_mask: Tensor
    unrelated: Tensor

    @classmethod
    def of(cls, problem: Problem, fill: Image.Image, seed: int, unrelated: Problem) -> "Sample":
        """The sample that a fill of a problem makes; `unrelated` is another subject's problem."""
        other = _unit(unrelated.reference), mask_to_tensor(unrelated.reference_mask).float()
        return cls(
            problem.case,
            seed,
            _unit(fill),
            _unit(problem.scene),
            mask_to_tensor(problem.mask).float(),
            _unit(problem.reference),
            mask_to_tensor(problem.reference_mask).float(),
            on_white(*other),
        )

    @property
    def cut_out(self) -> Tensor:
        """(3, h', w'), the subject of the reference alone, on white."""
        return on_white(self.reference, self.reference_mask)


def on_white(picture: Tensor, mask: Tensor) -> Tensor:
    """(3, h', w'): what lies in the mask's box of (3, H, W) in [0, 1], white where the mask (1, H, W) is not."""
    left, top, right, bottom = boxes_of(mask[None])[0].tolist()
    return torch.lerp(torch.ones_like(picture), picture, mask)[:, top:bottom, left:right]


def square_around(mask: Tensor, margin: float = 0.0) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the square around a hole, moved into the picture; no larger than its shorter side.

    Args:
        mask: (1, H, W) in {0, 1}.
        margin: what is added on each side, as a share of the hole's longer side.
    """
    height, width = mask.shape[-2:]
    left, top, right, bottom = boxes_of(mask[None])[0].tolist()
    longer = max(right - left, bottom - top)
    side = min(longer + 2 * round(longer * margin), height, width)
    x = min(max((left + right - side) // 2, 0), width - side)
    y = min(max((top + bottom - side) // 2, 0), height - side)
    return x, y, x + side, y + side


def resized(picture: Tensor, size: int) -> Tensor:
    """(3, size, size) of (3, H, W) in [0, 1], padded with white to a square where it is none."""
    height, width = picture.shape[-2:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    padded = F.pad(picture, (left, side - width - left, top, side - height - top), value=1.0)
    if side == size:
        return padded
    return F.interpolate(padded[None], (size, size), mode="bicubic", antialias=True)[0].clamp(0, 1)


def _unit(picture: Image.Image) -> Tensor:
    return to_tensor(picture).float() / 255
