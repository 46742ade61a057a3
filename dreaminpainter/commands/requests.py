"""What `inpaint` is asked for, which can be told wrong before anything heavy is imported."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """What is to be filled with what.

    Args:
        image: the scene's file.
        mask_image: the hole's, white is filled.
        reference_image: the subject's.
        prompt: what the filled picture shows.
        reference_mask: the subject's mask, where there is one.
    """

    image: Path
    mask_image: Path
    reference_image: Path
    prompt: str
    reference_mask: Path | None = None
