"""No regularization: the main objective alone."""

from dreaminpainter.regularization.base import Regularizer
from dreaminpainter.regularization.plans import main_plan
from dreaminpainter.types import Batch, TrainingPlan


class NoRegularizer(Regularizer):
    """Every sample trains the main objective (Fig. 2a): what the paper's method is without its second part.

    Example:
        >>> NoRegularizer().strength(100)
        0.0
    """

    def forward(self, batch: Batch, step: int) -> TrainingPlan:
        return main_plan(batch)
