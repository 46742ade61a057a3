"""What each training step trains: the two objectives of the paper's Fig. 2, and how they share the steps."""

from dreaminpainter.regularization.base import Regularizer
from dreaminpainter.regularization.decoupling import AddedTermRegularizer, DecouplingRegularizer
from dreaminpainter.regularization.none import NoRegularizer
from dreaminpainter.schedules import Constant, Cosine, Linear, Schedule, Warmup, WarmupCosine, WarmupStableDecay

__all__ = [
    "AddedTermRegularizer",
    "Constant",
    "Cosine",
    "DecouplingRegularizer",
    "Linear",
    "NoRegularizer",
    "Regularizer",
    "Schedule",
    "Warmup",
    "WarmupCosine",
    "WarmupStableDecay",
]
