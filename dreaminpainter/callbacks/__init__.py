"""What happens around the method: averaging, logging, pictures, records.

Example:
    >>> from lightning.pytorch import Trainer
    >>> trainer = Trainer(callbacks=[ExponentialMovingAverage(), LossLogger()], logger=False, enable_progress_bar=False)
"""

from dreaminpainter.callbacks.checkpoint import RunCheckpoint
from dreaminpainter.callbacks.ema import ExponentialMovingAverage
from dreaminpainter.callbacks.finiteness import NonFiniteGuard
from dreaminpainter.callbacks.grids import PictureGrid
from dreaminpainter.callbacks.losses import LossLogger
from dreaminpainter.callbacks.predictions import FillWriter
from dreaminpainter.callbacks.provenance import Provenance

__all__ = [
    "ExponentialMovingAverage",
    "FillWriter",
    "LossLogger",
    "NonFiniteGuard",
    "PictureGrid",
    "Provenance",
    "RunCheckpoint",
]
