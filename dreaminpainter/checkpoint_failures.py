"""What torch meets as it reads and writes checkpoints, and the errors that are told instead."""

import pickle
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

from torch.distributed.checkpoint.api import CheckpointException

from dreaminpainter.errors import InputError, WriteError

DAMAGE = (
    BadZipFile,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    AssertionError,
    struct.error,
)
"""What torch meets where a description of the content is damaged."""


@contextmanager
def writing_told(place: Path) -> Iterator[None]:
    """Within it a checkpoint is written to `place`, beside it at first.

    Raises:
        WriteError: it cannot be written; what was there before is.
    """
    try:
        yield
    except (OSError, RuntimeError, CheckpointException) as error:
        # Where a write fails, torch goes on to say that a position is not what it should be.
        reason = error.__context__ if isinstance(error, RuntimeError) else error
        if not isinstance(reason, OSError | CheckpointException):
            raise
        raise WriteError(
            f"The checkpoint {place} could not be written: {_reason(reason)}. Those before it are as they were. "
            "Make room, or let the folder be written to; the same command goes on from the last one."
        ) from error


def unreadable(folder: Path, error: BaseException) -> InputError:
    """What is raised of a divided checkpoint that torch cannot read.

    Example:
        >>> print(unreadable(Path("last.ckpt"), FileNotFoundError(2, "No such file or directory")))
        last.ckpt cannot be read as a divided checkpoint (No such file or directory): a part is missing or damaged, it \
is of another model, or it holds more than tensors and plain values. Name a folder that training wrote, with all that \
is in it.
    """
    return InputError(
        f"{folder} cannot be read as a divided checkpoint ({_reason(error)}): a part is missing or damaged, it is of "
        "another model, or it holds more than tensors and plain values. Name a folder that training wrote, with all "
        "that is in it."
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, CheckpointException):  # what the processes met, by their ranks
        return _reason(next(iter(error.failures.values()))[0])
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
