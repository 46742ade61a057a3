"""What every regularizer is."""

from abc import ABC, abstractmethod

from torch import nn

from dreaminpainter.components import Component
from dreaminpainter.types import Batch, TrainingPlan


class Regularizer(Component, nn.Module, ABC):
    """Decides, for each sample of a batch, which objectives it is trained on."""

    @abstractmethod
    def forward(self, batch: Batch, step: int) -> TrainingPlan:
        """Plans one training step.

        Args:
            batch: B samples.
            step: the global step, counted in optimizer steps from 0.
        """

    def strength(self, step: int) -> float:
        """How strong the regularization is at `step`, for the logs; 0 where there is none."""
        return 0.0
