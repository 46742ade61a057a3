"""Augmentations one after the other, and now and then."""

from torch import Tensor

from dreaminpainter.data.references.base import ReferenceAugmentation
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import bits, uniform


class Augmentations(ReferenceAugmentation):
    """Several augmentations in order. Each draws for itself, so that two of one kind differ.

    Args:
        steps: the augmentations; none leaves references as they are.

    Example:
        >>> from dreaminpainter.data.references import FlipRotate, Perspective
        >>> len(Augmentations([FlipRotate(), Perspective()]).steps)
        2
    """

    def __init__(self, steps: list[ReferenceAugmentation]) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        keys = bits(key, len(self.steps), "reference.steps")
        for step, own_key in zip(self.steps, keys.unbind(dim=1), strict=True):
            pixels, mask = step(pixels, mask, own_key)
        return pixels, mask


class Sometimes(ReferenceAugmentation):
    """An augmentation that only a share of the samples gets.

    Args:
        step: the augmentation.
        probability: how often it is applied, 0 to 1; 0.3 is what Paint-by-Example blurs and warps with.

    Raises:
        SettingError: the probability is out of its range.
    """

    def __init__(self, step: ReferenceAugmentation, probability: float = 0.3) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise SettingError(f"Sometimes needs a probability in 0 to 1, not {probability}.")
        self.step = step
        self.probability = probability

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        chosen = (uniform(key, (), "reference.sometimes") < self.probability).nonzero().flatten()
        if not len(chosen):
            return pixels, mask
        # A key of its own for the step: one within another would else repeat the choice.
        own_key = bits(key[chosen], 1, "reference.step")[:, 0]
        there = chosen.to(pixels.device)
        changed = self.step(pixels[there], mask[there], own_key)
        return pixels.index_copy(0, there, changed[0]), mask.index_copy(0, there, changed[1])
