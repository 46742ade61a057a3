"""Inpainting by an exemplar alone."""

from typing import Any

from diffusers import AutoencoderKL, PaintByExamplePipeline, PNDMScheduler, UNet2DConditionModel
from diffusers.pipelines.deprecated.paint_by_example.image_encoder import PaintByExampleImageEncoder
from transformers import CLIPImageProcessor

from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods.published import PublishedMethod, from_pretrained

_PARTS = {
    "vae": AutoencoderKL,
    "image_encoder": PaintByExampleImageEncoder,
    "unet": UNet2DConditionModel,
    "scheduler": PNDMScheduler,
    "feature_extractor": CLIPImageProcessor,
}


class PaintByExample(PublishedMethod):
    """Paint-by-Example (Yang et al. 2022, arXiv 2211.13227): the reference as one CLIP vector; the text is not read.

    Further settings and errors as `PublishedMethod` says.

    Args:
        source: name on the hub, or a folder in diffusers' layout, of a `PaintByExamplePipeline`.
        size: side in pixels of the square that scenes are brought to, a multiple of 8.
        num_inference_steps: denoising steps.
        guidance_scale: along the exemplar; 5 is the authors'.

    Example:
        >>> PaintByExample(guidance_scale=3.0).size  # reads nothing yet
        512
    """

    def __init__(
        self,
        source: str = "Fantasy-Studio/Paint-by-Example",
        size: int = 512,
        num_inference_steps: int = 50,
        guidance_scale: float = 5.0,
    ) -> None:
        super().__init__(source, size, num_inference_steps, guidance_scale)

    def load(self) -> Any:
        # Part by part: since diffusers moved the encoder's class, it no longer loads the pipeline as a whole.
        parts = {name: from_pretrained(kind, self.source, subfolder=name) for name, kind in _PARTS.items()}
        return PaintByExamplePipeline(**parts, safety_checker=None, requires_safety_checker=False)

    def inputs(self, problems: list[Problem]) -> dict[str, Any]:
        return {"example_image": [self.cut_out(problem) for problem in problems]}
