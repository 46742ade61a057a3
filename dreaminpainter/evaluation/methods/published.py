"""What methods of diffusers share: weights from a folder or the hub, a square to work on, noise of the case's own."""

from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import HFValidationError
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from dreaminpainter.checkpoints import state_of
from dreaminpainter.cutout import cut_out
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods.base import Method, generator_of
from dreaminpainter.hub import UNREACHABLE
from dreaminpainter.levels import to_levels
from dreaminpainter.pictures import mask_to_tensor, to_tensor

_MISSING: tuple[type[Exception], ...] = (*UNREACHABLE, HFValidationError)


class PublishedMethod(Method):
    """A pipeline of diffusers, used as it was published.

    A scene is brought to a square, whatever its shape, and what is filled back to the scene's size, as the published
    scripts do. What lies outside the hole stays as the pipeline gives it: autoencoder and resizing alter it, and how
    much is what the background's figures show. Weights are read when first needed, without a safety checker, whose
    black pictures would count as fills.

    Args:
        source: name on the hub, or a folder in diffusers' layout.
        size: side in pixels of the square, a multiple of 8.
        num_inference_steps: denoising steps.
        guidance_scale: of classifier-free guidance.

    Raises:
        SettingError: a number is out of range.
    """

    def __init__(self, source: str, size: int, num_inference_steps: int, guidance_scale: float) -> None:
        if size < 8 or size % 8 or num_inference_steps < 1:
            raise SettingError(
                f"{type(self).__name__}: size is {size} and num_inference_steps {num_inference_steps}; give a multiple "
                "of 8, and 1 or more."
            )
        self.source = source
        self.size = size
        self.num_inference_steps = num_inference_steps
        self.guidance_scale = guidance_scale

    @abstractmethod
    def load(self) -> Any:
        """Its pipeline."""

    @abstractmethod
    def inputs(self, problems: list[Problem]) -> dict[str, Any]:
        """What the pipeline is given beside scenes and holes: prompts, references."""

    @cached_property
    def pipeline(self) -> Any:
        """What fills."""
        pipeline = self.load()
        pipeline.set_progress_bar_config(disable=True)
        return pipeline.to(self.device, torch.float32)

    def state(self) -> list[str]:
        """Of folders the weight files; what the hub holds under a name is taken to stay the same."""
        return state_of(self.source)

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        square = (self.size, self.size)
        output = self.pipeline(
            image=[problem.scene.resize(square, Image.Resampling.LANCZOS) for problem in problems],
            mask_image=[_touched(problem.mask, square) for problem in problems],
            height=self.size,
            width=self.size,
            num_inference_steps=self.num_inference_steps,
            guidance_scale=self.guidance_scale,
            generator=[generator_of(problem, seed) for problem in problems],
            **self.inputs(problems),
        )
        return [
            image.resize(problem.scene.size, Image.Resampling.LANCZOS)
            for image, problem in zip(output.images, problems, strict=True)
        ]

    def cut_out(self, problem: Problem) -> Image.Image:
        """The subject on white, in a square; the same picture that our own method is shown."""
        levels, mask = to_tensor(problem.reference), mask_to_tensor(problem.reference_mask)
        subject, _ = cut_out(levels, mask, self.size)
        picture: Image.Image = to_pil_image(to_levels(subject))
        return picture


def from_pretrained(kind: Any, source: str, **settings: Any) -> Any:
    """`kind.from_pretrained(source)`.

    Raises:
        MissingFileError: it is neither a folder nor reachable.
    """
    if source.count("/") > 1 and not Path(source).is_dir():  # no name on the hub, and diffusers' error is a ValueError
        raise missing(kind.__name__, source)
    try:
        return kind.from_pretrained(source, **settings)
    except _MISSING as error:
        raise missing(kind.__name__, source) from error


def missing(what: str, source: str) -> MissingFileError:
    """That weights are not there, and what to do about it."""
    return MissingFileError(
        f"{what}: {source!r} is neither a folder with such weights nor reachable on the hub. Give the folder's path, "
        "or download it where there is a network and set HF_HOME to its cache."
    )


def _touched(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The hole at another size: all that it touches, so that nothing of what is to be filled is left over."""
    return mask.resize(size, Image.Resampling.BOX).point([0] + [255] * 255)
