"""What fills holes, to be compared."""

from abc import ABC, abstractmethod

import torch
from PIL import Image

from dreaminpainter.components import Component
from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.randomness import sample_key


class Method(Component, ABC):
    """A way to fill holes: a model, a baseline, or a bound of the scale."""

    device: str = "cpu"
    """Where it works; set before its first fill."""

    @abstractmethod
    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        """The fills, RGB, each of its scene's size.

        Args:
            problems: one or more.
            seed: fills of another seed are other fills; a method that draws nothing gives the same.
        """

    def state(self) -> list[str]:
        """What tells, beside the settings, whether it would give the same fills: of weights, where they come from."""
        return []

    @property
    def draws(self) -> bool:
        """Whether another seed gives another fill."""
        return True


def generator_of(problem: Problem, seed: int) -> torch.Generator:
    """Where the noise of a fill comes from: the same whatever it is filled together with."""
    return torch.Generator().manual_seed(sample_key(seed, "evaluation", problem.case.id))
