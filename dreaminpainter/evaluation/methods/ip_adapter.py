"""Inpainting by text, and an exemplar through an adapter."""

from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from PIL import Image

from dreaminpainter.checkpoints import state_of
from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods.published import missing
from dreaminpainter.evaluation.methods.text_only import TextOnlyInpainting


class IPAdapterInpainting(TextOnlyInpainting):
    """`TextOnlyInpainting` with an IP-Adapter (Ye et al. 2023, arXiv 2308.06721): text and reference, as ours reads.

    Args:
        source: name on the hub, or a folder in diffusers' layout, of a `StableDiffusionInpaintPipeline`.
        size: side in pixels of the square that scenes are brought to, a multiple of 8.
        num_inference_steps: denoising steps.
        guidance_scale: along text and reference together.
        adapter: name on the hub, or a folder, of the adapter.
        subfolder: where in it the weights lie, and beside them `image_encoder`.
        weight_name: the weights' file.
        scale: how much the reference counts, 0 to 1; at 1 the text hardly does (our choice, after diffusers' examples).

    Example:
        >>> IPAdapterInpainting(scale=0.8).adapter  # reads nothing yet
        'h94/IP-Adapter'
    """

    def __init__(
        self,
        source: str = "stable-diffusion-v1-5/stable-diffusion-inpainting",
        size: int = 512,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        adapter: str = "h94/IP-Adapter",
        subfolder: str = "models",
        weight_name: str = "ip-adapter_sd15.safetensors",
        scale: float = 0.6,
    ) -> None:
        super().__init__(source, size, num_inference_steps, guidance_scale)
        self.adapter = adapter
        self.subfolder = subfolder
        self.weight_name = weight_name
        self.scale = scale

    def load(self) -> Any:
        pipeline = super().load()
        try:
            pipeline.load_ip_adapter(self.adapter, subfolder=self.subfolder, weight_name=self.weight_name)
        except (OSError, HFValidationError) as error:
            raise missing("IP-Adapter", f"{self.adapter}/{self.subfolder}/{self.weight_name}") from error
        pipeline.set_ip_adapter_scale(self.scale)
        return pipeline

    def state(self) -> list[str]:
        folder = Path(self.adapter, self.subfolder)
        return [*super().state(), *state_of(str(folder / self.weight_name)), *state_of(str(folder / "image_encoder"))]

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        # The pipeline shows each of a batch the same picture, or all pictures to each.
        return [fill for problem in problems for fill in super(IPAdapterInpainting, self).fill([problem], seed)]

    def inputs(self, problems: list[Problem]) -> dict[str, Any]:
        (problem,) = problems
        return {**super().inputs(problems), "ip_adapter_image": self.cut_out(problem)}
