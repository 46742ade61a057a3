"""Failures of the machine that a setting can prevent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from dreaminpainter.errors import SettingError

_KEPT = "The last checkpoint is kept, and the same command goes on from it."


@contextmanager
def failures_told(settings: Any) -> Iterator[None]:
    """Within it what a lack of memory leads to is raised with the settings to change.

    Args:
        settings: of the command, as it was parsed.

    Raises:
        SettingError: the device is out of memory, or a loader process was killed.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        size, batches = settings.data.batch_size, settings.trainer.accumulate_grad_batches
        advice = []
        if size > 1:
            advice.append(
                f"halve data.batch_size, which is {size}, and double trainer.accumulate_grad_batches, which is "
                f"{batches}: the steps are of as many samples then"
            )
        if not settings.model.gradient_checkpointing:
            advice.append("set model.gradient_checkpointing to true")
        advice.append("lower data.height, data.width or data.reference_size, for a new run")
        told = str(error).split(". ")[0]
        raise SettingError(
            f"The device is out of memory ({told}). In this order: {'; '.join(advice)}. {_KEPT}"
        ) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise SettingError(
            "A loader process was killed, most often because the machine is out of memory. Lower data.num_workers, "
            f"which is {settings.data.num_workers}, or data.batch_size, which is {settings.data.batch_size}. {_KEPT}"
        ) from error
