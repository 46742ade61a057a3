"""Training batches filled by the pipeline: what validation, prediction and picture logs show."""

from typing import Any, cast

import torch

from dreaminpainter.encoding import downscaling, encode_texts
from dreaminpainter.pipeline import DreamInpainterOutput, DreamInpainterPipeline
from dreaminpainter.randomness import normal
from dreaminpainter.types import Batch


@torch.no_grad()
def fill_batch(pipeline: DreamInpainterPipeline, batch: Batch, **settings: Any) -> DreamInpainterOutput:
    """Fills the holes of a training batch, from noise that the samples' keys decide.

    Args:
        pipeline: what fills.
        batch: B samples; the text is their caption.
        settings: further arguments of the call, such as `guidance_scale`.

    Returns:
        The pipeline's output, its images (B, 3, H, W) in [0, 1].
    """
    factor = downscaling(pipeline.vae)
    height, width = batch.image.shape[-2:]
    shape = (pipeline.unet.config.out_channels, height // factor, width // factor)
    filled = pipeline(
        **{
            # Encoded here, since captions of a dataset may be longer than the encoder reads; a prompt may not.
            "prompt": None,
            "prompt_embeds": encode_texts(
                pipeline.tokenizer, pipeline.text_encoder, batch.caption, pipeline._execution_device
            ),
            "image": batch.image / 2 + 0.5,
            "mask_image": batch.mask,
            "reference_image": batch.reference,
            "height": height,
            "width": width,
            "keys": batch.key,
            "latents": normal(batch.key, shape, "sampling"),
            "output_type": "pt",
            **settings,
        }
    )
    return cast(DreamInpainterOutput, filled)
