"""Pipelines on random networks of equal size: ours, and those of diffusers that people would use instead."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, PaintByExamplePipeline, StableDiffusionInpaintPipeline
from diffusers.pipelines.deprecated.paint_by_example.image_encoder import PaintByExampleImageEncoder
from PIL import Image
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.features import UNetFeatures
from dreaminpainter.injection import UpBlocks
from dreaminpainter.input_forms import NineChannel
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.selection import CosineDistance
from dreaminpainter.tokenizer import word_tokenizer
from dreaminpainter.unet import SubjectUNet
from dreaminpainter.vocabulary import WORDS

Call = Callable[[], Any]


@dataclass(frozen=True)
class Scale:
    """How large networks and pictures are.

    Args:
        size: side of scene and reference in pixels.
        channels: width of each block of the UNet; four blocks, as Stable Diffusion's.
        autoencoder: width of each block of the autoencoder.
        width: of text states and image embeddings.
        layers: of text and image encoder.
        device: where all of it lies.
        dtype: of all weights.
    """

    size: int = 256
    channels: tuple[int, ...] = (64, 128, 256, 256)
    autoencoder: tuple[int, ...] = (32, 64, 64, 64)
    width: int = 128
    layers: int = 4
    device: str = "cpu"
    dtype: torch.dtype = torch.float32


STABLE_DIFFUSION = Scale(512, (320, 640, 1280, 1280), (128, 256, 512, 512), 768, 12, "cuda", torch.bfloat16)
"""That of version 1.5, on a GPU."""


def contestants(scale: Scale, steps: int) -> dict[str, Callable[[], Call]]:
    """How to make each contestant's call: a picture filled in `steps` steps with guidance."""
    size = scale.size
    given = {"num_inference_steps": steps, "guidance_scale": 7.5, "output_type": "np", "height": size, "width": size}
    scene, hole, reference = _picture(size, 0), _hole(size), _picture(size, 1)

    def ours() -> Call:
        pipe = _quiet(_ours(scale), scale)
        return lambda: pipe("a critter waves", scene, hole, reference, reference_mask=hole, **given)

    def text() -> Call:
        pipe = _quiet(_text(scale), scale)
        return lambda: pipe("a critter waves", scene, hole, **given)

    def ip_adapter() -> Call:
        pipe = _quiet(_ip_adapter(scale), scale)
        return lambda: pipe("a critter waves", scene, hole, ip_adapter_image=reference, **given)

    def paint_by_example() -> Call:
        pipe = _quiet(_paint_by_example(scale), scale)
        return lambda: pipe(reference, scene, hole, **given)

    return {
        "DreamInpainterPipeline": ours,
        "StableDiffusionInpaintPipeline": text,
        "the same with an IP-Adapter": ip_adapter,
        "PaintByExamplePipeline": paint_by_example,
    }


def _ours(scale: Scale) -> DreamInpainterPipeline:
    torch.manual_seed(0)
    network, size = unet(scale), scale.size
    adapter = SubjectAdapter.around(
        network, UNetFeatures(block=1), CosineDistance(k=24), UpBlocks(), NineChannel(), (size, size), size
    )
    return DreamInpainterPipeline(*networks(scale), network, DDIMScheduler(steps_offset=1), adapter)


def _text(scale: Scale) -> Any:
    torch.manual_seed(0)
    vae, text_encoder, tokenizer = networks(scale)
    return StableDiffusionInpaintPipeline(
        vae, text_encoder, tokenizer, unet(scale), DDIMScheduler(steps_offset=1), None, None, None, False
    )


def _ip_adapter(scale: Scale) -> Any:
    pipe = _text(scale)
    pipe.register_modules(
        image_encoder=CLIPVisionModelWithProjection(_vision(scale)).eval(), feature_extractor=_feature_extractor()
    )
    weights: dict[str, torch.Tensor] = {}
    for number, name in enumerate(pipe.unet.attn_processors):
        if ".attn2." in name:
            module = pipe.unet.get_submodule(name.removesuffix(".processor"))
            for part in ("to_k_ip", "to_v_ip"):
                weights[f"{number}.{part}.weight"] = torch.randn(module.inner_dim, scale.width) * 0.02
    projection = {
        "proj.weight": torch.randn(4 * scale.width, scale.width) * 0.02,
        "proj.bias": torch.zeros(4 * scale.width),
        "norm.weight": torch.ones(scale.width),
        "norm.bias": torch.zeros(scale.width),
    }
    pipe.load_ip_adapter({"image_proj": projection, "ip_adapter": weights}, subfolder="", weight_name="")
    return pipe


def _paint_by_example(scale: Scale) -> Any:
    torch.manual_seed(0)
    vae, _, _ = networks(scale)
    return PaintByExamplePipeline(
        vae,
        PaintByExampleImageEncoder(_vision(scale), proj_size=scale.width).eval(),
        unet(scale),
        DDIMScheduler(steps_offset=1),
        None,
        _feature_extractor(),
        False,
    )


def unet(scale: Scale, in_channels: int = 9) -> SubjectUNet:
    """A UNet with attention in all blocks but the last, as Stable Diffusion's."""
    deeper = len(scale.channels) - 1
    return SubjectUNet(
        sample_size=64,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=scale.channels,
        down_block_types=(*("CrossAttnDownBlock2D",) * deeper, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * deeper),
        cross_attention_dim=scale.width,
        attention_head_dim=8,
    ).eval()


def networks(scale: Scale) -> tuple[Any, Any, Any]:
    """Autoencoder, text encoder and tokenizer."""
    vae = AutoencoderKL(
        block_out_channels=scale.autoencoder,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    ).eval()
    tokenizer = word_tokenizer(WORDS, max_length=77)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=scale.width,
        intermediate_size=4 * scale.width,
        num_hidden_layers=scale.layers,
        num_attention_heads=4,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return vae, CLIPTextModel(text).eval(), tokenizer


def _vision(scale: Scale) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=scale.width,
        intermediate_size=4 * scale.width,
        num_hidden_layers=scale.layers,
        num_attention_heads=4,
        image_size=224,
        patch_size=32,
        projection_dim=scale.width,
    )


def _feature_extractor() -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})


def _quiet(pipe: Any, scale: Scale) -> Any:
    pipe.to(scale.device)
    if scale.dtype != torch.float32:
        pipe.to(scale.dtype)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _picture(size: int, seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8))


def _hole(size: int) -> Image.Image:
    mask = Image.new("L", (size, size))
    mask.paste(255, (size // 4, size // 4, size * 3 // 4, size * 3 // 4))
    return mask
