"""Pipelines that other people published, with tiny random networks, in folders that diffusers writes itself."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    PaintByExamplePipeline,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
)
from diffusers.pipelines.deprecated.paint_by_example.image_encoder import PaintByExampleImageEncoder
from safetensors.torch import save_file
from tiny import stock_unet, tiny_backbone
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

WIDTH = 32
"""Of text states and image embeddings, as in `tiny`."""
ADAPTER = {"subfolder": "models", "weight_name": "ip-adapter.safetensors"}


def save_text_only(folder: Path, seed: int = 0) -> str:
    """A `StableDiffusionInpaintPipeline`; returns the folder's path."""
    pipeline = _text_only(seed)
    pipeline.save_pretrained(folder)
    return str(folder)


def save_paint_by_example(folder: Path, seed: int = 0) -> str:
    """A `PaintByExamplePipeline`; returns the folder's path."""
    torch.manual_seed(seed)
    encoder = PaintByExampleImageEncoder(_vision(), proj_size=WIDTH).eval()
    parts = (_autoencoder(), encoder, _unet(seed), PNDMScheduler(skip_prk_steps=True), None, _processor())
    PaintByExamplePipeline(*parts, requires_safety_checker=False).save_pretrained(folder)
    return str(folder)


def save_ip_adapter(folder: Path, seed: int = 0) -> str:
    """The weights of an IP-Adapter and its image encoder, laid out as h94/IP-Adapter is; returns the folder's path."""
    torch.manual_seed(seed)
    place = folder / ADAPTER["subfolder"]
    CLIPVisionModelWithProjection(_vision()).save_pretrained(place / "image_encoder")
    unet, weights = _unet(seed), {}
    for number, name in enumerate(unet.attn_processors):
        if ".attn2." in name:
            module = unet.get_submodule(name.removesuffix(".processor"))
            for part in ("to_k_ip", "to_v_ip"):
                weights[f"ip_adapter.{number}.{part}.weight"] = torch.randn(module.inner_dim, WIDTH)
    weights |= {
        "image_proj.proj.weight": torch.randn(4 * WIDTH, WIDTH),
        "image_proj.proj.bias": torch.zeros(4 * WIDTH),
        "image_proj.norm.weight": torch.ones(WIDTH),
        "image_proj.norm.bias": torch.zeros(WIDTH),
    }
    save_file(weights, place / ADAPTER["weight_name"])
    return str(folder)


def _text_only(seed: int) -> Any:
    text = tiny_backbone().parts()
    parts = (_autoencoder(), text.text_encoder, text.tokenizer, _unet(seed), _scheduler(), None, _processor())
    return StableDiffusionInpaintPipeline(*parts, requires_safety_checker=False)


def _unet(seed: int) -> Any:
    return stock_unet(
        seed,
        in_channels=9,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )


def _autoencoder() -> Any:
    return AutoencoderKL(
        block_out_channels=(16, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=32,
    ).eval()


def _scheduler() -> Any:
    return DDIMScheduler(steps_offset=1, clip_sample=False)


def _vision() -> CLIPVisionConfig:
    shape = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2}
    return CLIPVisionConfig(image_size=32, patch_size=8, projection_dim=WIDTH, **shape)


def _processor() -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
