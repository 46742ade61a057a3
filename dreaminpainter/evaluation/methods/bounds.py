"""The two ends of the scale, and the collage, which needs no model."""

import numpy as np
from PIL import Image, ImageStat

from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods.base import Method


class RealPicture(Method):
    """The ceiling: the true picture where it is known, else the scene as it was photographed."""

    draws = False

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        return [problem.truth or problem.scene for problem in problems]


class MeanColour(Method):
    """The floor: the hole in the mean colour of what is around it."""

    draws = False

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        return [_covered(problem) for problem in problems]


class Collage(Method):
    """Cut and paste: the reference's subject in the middle of the hole, on the scene's mean colour.

    Args:
        share: the subject's longer side, or where that is too long its shorter one, as a share of the hole's box.
    """

    draws = False

    def __init__(self, share: float = 0.9) -> None:
        self.share = share

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        return [self._pasted(problem) for problem in problems]

    def _pasted(self, problem: Problem) -> Image.Image:
        canvas = _covered(problem)
        left, top, right, bottom = problem.mask.getbbox() or (0, 0, *canvas.size)
        subject_box = problem.reference_mask.getbbox()
        subject, outline = problem.reference.crop(subject_box), problem.reference_mask.crop(subject_box)
        factor = self.share * min((right - left) / subject.width, (bottom - top) / subject.height)
        size = (max(round(subject.width * factor), 1), max(round(subject.height * factor), 1))
        place = ((left + right - size[0]) // 2, (top + bottom - size[1]) // 2)
        pasted = canvas.copy()
        pasted.paste(subject.resize(size, Image.Resampling.BICUBIC), place, outline.resize(size))
        return Image.composite(pasted, canvas, problem.mask)


def _covered(problem: Problem) -> Image.Image:
    """The scene with its hole in the mean colour of the rest; in grey where there is no rest."""
    around = problem.mask.point([255] + [0] * 255)
    colour = (127, 127, 127)
    if np.asarray(around).any():
        red, green, blue = ImageStat.Stat(problem.scene, around).mean
        colour = (round(red), round(green), round(blue))
    flat = Image.new("RGB", problem.scene.size, colour)
    return Image.composite(flat, problem.scene, problem.mask)
