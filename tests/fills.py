"""Fills to be judged: of noise, of drawn creatures, by methods that are right or wrong in one known thing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops
from problems import problem

from dreaminpainter.evaluation.cases import CaseSet, CrittersCases, Problem, open_problem
from dreaminpainter.evaluation.methods import Collage, Method
from dreaminpainter.evaluation.methods.base import generator_of
from dreaminpainter.evaluation.samples import Sample


def noisy_samples(count: int, seeds: int = 1, size: tuple[int, int] = (32, 32)) -> list[Sample]:
    """Scenes of noise, whose fills are other noise everywhere."""
    noise = Noise()
    problems = [problem(number, size) for number in range(count)]
    return [Sample.of(one, noise.fill([one], seed)[0], seed, problems[0]) for one in problems for seed in range(seeds)]


def drawn_problems(folder: Path, count: int = 8, size: int = 64) -> list[Problem]:
    """Drawn creatures of identities that the probes never saw."""
    cases = CrittersCases(count, size).build(folder)
    return [open_problem(cases, case) for case in cases.cases]


def filled(method: Method, problems: list[Problem], seeds: int = 2) -> list[Sample]:
    """All fills of a method; what is unrelated is the next problem's subject."""
    others = problems[1:] + problems[:1]
    return list(_filled(method, problems, others, seeds))


def _filled(method: Method, problems: list[Problem], others: list[Problem], seeds: int) -> Iterator[Sample]:
    for seed in range(seeds):
        for one, other, fill in zip(problems, others, method.fill(problems, seed), strict=True):
            yield Sample.of(one, fill, seed, other)


class Noise(Method):
    """Noise of the case's and seed's own, everywhere.

    Args:
        level: the greatest level of it.
    """

    def __init__(self, level: int = 255) -> None:
        self.level = level

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        return [self._noise(one, seed) for one in problems]

    def _noise(self, one: Problem, seed: int) -> Image.Image:
        drawn = np.random.default_rng(generator_of(one, seed).initial_seed())
        width, height = one.scene.size
        return Image.fromarray(drawn.integers(0, self.level + 1, (height, width, 3), np.uint8))


class Strangers(Method):
    """Pastes another case's subject, another one for each seed: what a model does that never sees the reference.

    Args:
        problems: where the strangers come from.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        return [self._pasted(one, seed) for one in problems]

    def _pasted(self, one: Problem, seed: int) -> Image.Image:
        place = [other.case.id for other in self.problems].index(one.case.id)
        # Not the next one, which is what outlines are held against.
        other = self.problems[(place + 2 + seed) % len(self.problems)]
        swapped = Problem(one.case, one.scene, one.mask, other.reference, other.reference_mask, None)
        (fill,) = Collage().fill([swapped], seed)
        return fill


class Shifted(Method):
    """The true picture, a pixel to the right everywhere, as of a model that works on a resized picture."""

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        return [ImageChops.offset(one.truth or one.scene, 1, 0) for one in problems]


def case_set(folder: Path, count: int = 5, size: int = 32) -> CaseSet:
    """Small drawn cases."""
    return CrittersCases(count, size, reference_size=32).build(folder / "cases")
