"""Inpainting by text alone."""

from typing import Any

from diffusers import StableDiffusionInpaintPipeline

from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods.published import PublishedMethod, from_pretrained


class TextOnlyInpainting(PublishedMethod):
    """Stable Diffusion's inpainting model (Rombach et al. 2022), which never sees the reference.

    What it reaches in identity is what the class's name alone gives; further settings and errors as `PublishedMethod`
    says.

    Args:
        source: name on the hub, or a folder in diffusers' layout, of a `StableDiffusionInpaintPipeline`.
        size: side in pixels of the square that scenes are brought to, a multiple of 8.
        num_inference_steps: denoising steps.
        guidance_scale: along the text.

    Example:
        >>> TextOnlyInpainting(num_inference_steps=20).source  # reads nothing yet
        'stable-diffusion-v1-5/stable-diffusion-inpainting'
    """

    def __init__(
        self,
        source: str = "stable-diffusion-v1-5/stable-diffusion-inpainting",
        size: int = 512,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
    ) -> None:
        super().__init__(source, size, num_inference_steps, guidance_scale)

    def load(self) -> Any:
        return from_pretrained(
            StableDiffusionInpaintPipeline, self.source, safety_checker=None, requires_safety_checker=False
        )

    def inputs(self, problems: list[Problem]) -> dict[str, Any]:
        return {"prompt": [problem.case.prompt for problem in problems]}
