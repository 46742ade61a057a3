"""What is asked for: a scene, a hole, a subject and the settings that are kept with the result."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from PIL import Image

from dreaminpainter.errors import SettingError

MOST_STEPS = 200
"""More would keep all others waiting."""


@dataclass(frozen=True)
class Settings:
    """What a fill is made with, beside the pictures.

    Args:
        prompt: what the filled picture shows.
        num_inference_steps: denoising steps.
        guidance_scale: how strongly the text is followed.
        reference_scale: how strongly the reference is.
        k: how many tokens stand for the subject.
        seed: the same seed and settings give the same picture.

    Raises:
        SettingError: steps, K or seed are out of their range, or the prompt is empty.
    """

    prompt: str
    num_inference_steps: int
    guidance_scale: float
    reference_scale: float
    k: int
    seed: int

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise SettingError("There is no prompt. Write what the filled picture shows.")
        ranges = {
            "num_inference_steps": (self.num_inference_steps, 1, MOST_STEPS),
            "k": (self.k, 1, 2**31),
            "seed": (self.seed, 0, 2**63 - 1),
        }
        for name, (value, low, high) in ranges.items():
            if not low <= value <= high:
                raise SettingError(f"{name}={value}; give a whole number from {low} to {high}.")

    @classmethod
    def asked(
        cls,
        prompt: str | None,
        k: float,
        guidance_scale: float,
        reference_scale: float,
        num_inference_steps: float,
        seed: float | None,
    ) -> Self:
        """The settings as the page's fields and the API hold them, in the order in which they stand there.

        Raises:
            SettingError: the seed is missing, or one is out of its range.
        """
        if seed is None:
            raise SettingError("There is no seed. Give a whole number; the same one gives the same picture.")
        return cls(
            prompt=prompt or "",
            num_inference_steps=int(num_inference_steps),
            guidance_scale=float(guidance_scale),
            reference_scale=float(reference_scale),
            k=int(k),
            seed=int(seed),
        )

    def as_dict(self) -> dict[str, Any]:
        """By name, as the pipeline and `dreaminpainter inpaint` call them."""
        return asdict(self)


@dataclass(frozen=True)
class Job:
    """One fill.

    Args:
        scene: RGB.
        hole: mode "L", 0 and 255, of the scene's size; white is filled.
        subject: RGB.
        subject_mask: mode "L", of the subject's size; None where all of it is the subject.
        settings: how.
        alpha: the scene's, which the result keeps outside of the hole; None where it is opaque.
        notes: a sentence for each conversion of the pictures.
    """

    scene: Image.Image
    hole: Image.Image
    subject: Image.Image
    subject_mask: Image.Image | None
    settings: Settings
    alpha: Image.Image | None = None
    notes: tuple[str, ...] = ()
