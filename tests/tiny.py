"""The smallest real networks and batches that the method runs on: 32 px scenes, 64 px references, 64 tokens."""

from pathlib import Path

import lightning.pytorch as pl
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch.utils.data import DataLoader

from dreaminpainter.backbones import TinyBackbone
from dreaminpainter.module import DreamInpainter
from dreaminpainter.types import Batch, Reference
from dreaminpainter.unet import SubjectUNet

RATES = {"unet": 1e-3, "adapter": 1e-3, "text_encoder": 1e-3}


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tiny_batch(count: int = 2, first: int = 0) -> Batch:
    """`count` samples, numbered from `first`; a sample's content depends on its number alone."""
    numbers = range(first, first + count)
    generators = [torch.Generator().manual_seed(1000 + number) for number in numbers]
    image = torch.stack([torch.rand(3, 32, 32, generator=generator) * 2 - 1 for generator in generators])
    pixels = torch.stack([torch.rand(3, 64, 64, generator=generator) * 2 - 1 for generator in generators])
    mask, subject = torch.zeros(count, 1, 32, 32), torch.zeros(count, 1, 64, 64)
    for row, number in enumerate(numbers):
        mask[row, :, 6 + number % 3 : 21, 9:24] = 1
        subject[row, :, 8:50, 20 : 40 + number % 5] = 1
    return Batch(
        image=image,
        mask=mask,
        reference=Reference(torch.where(subject > 0, pixels, 1.0), subject, [""] * count),
        class_name=["critter"] * count,
        caption=[f"a critter in a hat {number}" for number in numbers],
        source=["drawn"] * count,
        id=[str(number) for number in numbers],
        key=torch.tensor([7919 * number + 13 for number in numbers]),
    )


def tiny_backbone(**settings) -> TinyBackbone:
    small = {"channels": [32, 64], "text_width": 32, "text_layers": 1, "text_length": 24}
    return TinyBackbone(**(small | settings))


def tiny_model(seed: int = 0, **settings) -> DreamInpainter:
    """A DreamInpainter whose random weights come from `seed`; every part trains unless told otherwise."""
    torch.manual_seed(seed)
    defaults = {"backbone": tiny_backbone(), "learning_rates": RATES, "image_size": (32, 32), "reference_size": 64}
    return DreamInpainter(**(defaults | settings))


def train_a_step(model: DreamInpainter, batch: Batch | None = None) -> torch.Tensor:
    """One step of the model's own optimizer; gradients are kept, the loss is returned."""
    model.train()
    optimizer = model.configure_optimizers()["optimizer"]
    loss = model.training_step(tiny_batch() if batch is None else batch, 0)["loss"]
    loss.backward()
    optimizer.step()
    model.eval()
    return loss.detach()


def quiet_trainer(**settings) -> pl.Trainer:
    """A Trainer on the CPU that writes and prints nothing."""
    silent = {
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "logger": False,
    }
    return pl.Trainer(accelerator="cpu", devices=1, **(silent | settings))


def loader(*batches: Batch) -> DataLoader:
    """Batches as they are, one a step."""
    return DataLoader(batches, batch_size=None)


def tiny_unet(seed: int = 0, **settings) -> SubjectUNet:
    """Three blocks, two layers each, attention from the second on, as a stock UNet would have them."""
    torch.manual_seed(seed)
    return SubjectUNet(**(UNET | settings)).eval()


def stock_unet(seed: int = 0, **settings) -> UNet2DConditionModel:
    """The class that diffusers has, of the architecture and weights of `tiny_unet`."""
    torch.manual_seed(seed)
    return UNet2DConditionModel(**(UNET | settings)).eval()


def unet_arguments(batch: int = 2, channels: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sample, timesteps and text states for `tiny_unet`."""
    sample = randn(batch, channels, 16, 16, seed=seed)
    return sample, torch.arange(batch) * 300 + 10, randn(batch, 7, 32, seed=seed + 1)


def save_stock_networks(folder: Path, prediction_type: str = "epsilon") -> None:
    """A latent diffusion model in diffusers' layout, of stock classes, with an AutoencoderKL of factor 2."""
    torch.manual_seed(0)
    text = tiny_backbone().parts()
    vae = AutoencoderKL(
        block_out_channels=(16, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=32,
    )
    two_blocks = {
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    stock_unet(**two_blocks).save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    text.text_encoder.save_pretrained(folder / "text_encoder")
    text.tokenizer.save_pretrained(folder / "tokenizer")
    DDPMScheduler(prediction_type=prediction_type, clip_sample=False).save_pretrained(folder / "scheduler")


UNET = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (16, 32, 32),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 2,
    "cross_attention_dim": 32,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}
