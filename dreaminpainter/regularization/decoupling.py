"""Decoupling regularization: the network is made to read the text, since the reference alone cannot tell the picture.

The paper gives the two objectives (Fig. 2), but not how they share the training. Both forms here are our choice.
"""

from dataclasses import replace

from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform
from dreaminpainter.regularization.base import Regularizer
from dreaminpainter.regularization.plans import choose_rows, choose_texts, main_plan, regularization_plan, stack
from dreaminpainter.schedules import Constant, Schedule
from dreaminpainter.types import Batch, TrainingPlan


class DecouplingRegularizer(Regularizer):
    """Trains each sample on one objective, drawn from its key: regularization with some probability, else main.

    Args:
        probability: share of samples that train the regularization, over the global step, 0 to 1; by default
            `Constant(0.2)`, the share that SmartBrush gives to its text-to-image objective.
        caption_share: share of the main objective's samples that read the caption in place of the class name, 0 to 1.
            0 is the paper's way; a larger share is our option for small models that have to learn words quickly.

    Example:
        >>> from dreaminpainter.regularization import Warmup
        >>> regularizer = DecouplingRegularizer(probability=Warmup(0.2, steps=1000))
        >>> regularizer.strength(500)
        0.1
    """

    def __init__(self, probability: Schedule | None = None, caption_share: float = 0.0) -> None:
        super().__init__()
        self.probability = probability or Constant(0.2)
        self.caption_share = _probability(caption_share, "caption_share")

    def forward(self, batch: Batch, step: int) -> TrainingPlan:
        regularized = _drawn(batch.key, self.strength(step), "plan")
        captioned = _drawn(batch.key, self.caption_share, "plan caption")
        main, regularization = main_plan(batch), regularization_plan(batch)
        main = replace(main, text=choose_texts(main.text, batch.caption, captioned))
        return choose_rows(main, regularization, regularized)

    def strength(self, step: int) -> float:
        """The probability at `step`.

        Raises:
            SettingError: the schedule leaves 0 to 1.
        """
        return _probability(self.probability(step), f"The probability of regularization at step {step}")


class AddedTermRegularizer(Regularizer):
    """Trains each sample on both objectives: L + λ(step) · L_reg.

    The plan has the main objective's rows first, then the regularization's with weight λ; where λ is 0 only the former.

    Args:
        weight: λ over the global step, 0 or more; by default `Constant(0.2)`.

    Example:
        >>> AddedTermRegularizer(weight=Constant(0.5)).strength(0)
        0.5
    """

    def __init__(self, weight: Schedule | None = None) -> None:
        super().__init__()
        self.weight = weight or Constant(0.2)

    def forward(self, batch: Batch, step: int) -> TrainingPlan:
        main, weight = main_plan(batch), self.strength(step)
        if weight == 0:
            return main
        regularization = regularization_plan(batch)
        return stack(main, replace(regularization, weight=weight * regularization.weight))

    def strength(self, step: int) -> float:
        """λ at `step`.

        Raises:
            SettingError: λ is negative.
        """
        weight = self.weight(step)
        if not weight >= 0:
            raise SettingError(
                f"The weight of regularization at step {step} is {weight}. Set a schedule that stays at 0 or above."
            )
        return weight


def _drawn(keys: Tensor, probability: float, stream: str) -> list[bool]:
    drawn: list[bool] = (uniform(keys, (), stream) < probability).tolist()
    return drawn


def _probability(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise SettingError(f"{name} is {value}. Set it to a value from 0 to 1.")
    return value
