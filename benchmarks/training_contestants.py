"""Training steps on random networks of equal size: ours, and plain loops of diffusers' parts as in its own examples."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from torch import Tensor

from benchmarks.contestants import Scale, networks, unet
from dreaminpainter.backbones import Backbone
from dreaminpainter.encoding import encode_images
from dreaminpainter.features import UNetFeatures
from dreaminpainter.module import DreamInpainter
from dreaminpainter.parts import Parts
from dreaminpainter.regularization import NoRegularizer
from dreaminpainter.types import Batch, Reference

Step = Callable[[], Tensor]
"""One optimizer step; returns its loss."""


class SizedBackbone(Backbone):
    """Random networks of a size.

    Args:
        channels: width of each block of the UNet.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.channels = channels

    def parts(self) -> Parts:
        scale = Scale(channels=tuple(self.channels))
        vae, text_encoder, tokenizer = networks(scale)
        return Parts(vae, unet(scale, 4).train(), text_encoder, tokenizer, DDPMScheduler())


def contestants(size: int, channels: list[int], batch: int, device: str) -> dict[str, Callable[[], Step]]:
    """How to make each contestant's step, on the same random batch; ours trains the whole UNet and the adapter."""
    given = random_batch(size, batch)

    def ours(cached: bool = False, **settings: Any) -> Step:
        torch.manual_seed(0)
        model = DreamInpainter(
            SizedBackbone(channels),
            regularizer=NoRegularizer(),
            image_size=(size, size),
            reference_size=size,
            **settings,
        )
        return our_step(model.train().to(device), with_latents(model, given) if cached else given.to(device), device)

    return {
        "plain loop, composite": lambda: plain_step(channels, given, 5, False, device),
        "plain loop, nine-channel": lambda: plain_step(channels, given, 9, False, device),
        "plain loop, composite, scene latents cached": lambda: plain_step(channels, given, 5, True, device),
        "ours": ours,
        "ours, scene and reference latents cached": lambda: ours(cached=True),
        "ours, cached, gradient stopped in the reference pass": lambda: ours(
            cached=True, extractor=UNetFeatures(weights="stopped")
        ),
    }


def our_step(model: DreamInpainter, batch: Batch, device: str) -> Step:
    """The step that Lightning makes of `training_step`."""
    optimizer = model.configure_optimizers()["optimizer"]

    def step() -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss: Tensor = model.training_step(batch, 0)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return step


def plain_step(channels: list[int], batch: Batch, inputs: int, cached: bool, device: str) -> Step:
    """As diffusers' training examples: encode, add noise, predict, compare; the mask beside the latents."""
    torch.manual_seed(0)
    scale = Scale(channels=tuple(channels))
    vae, text_encoder, tokenizer = (part.to(device) if hasattr(part, "to") else part for part in networks(scale))
    network, scheduler = unet(scale, inputs).train().to(device), DDPMScheduler()
    for frozen in (vae, text_encoder):
        frozen.requires_grad_(False)
    network.requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-5)
    scene = batch.to(device)
    hole = F.adaptive_max_pool2d(scene.mask, scene.image.shape[-1] // 8)
    kept = encode_images(vae, scene.image) if cached else None

    def step() -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            latents = encode_images(vae, scene.image) if kept is None else kept
            noise = torch.randn_like(latents)
            timesteps = torch.randint(scheduler.config.num_train_timesteps, (len(latents),), device=device)
            noisy = scheduler.add_noise(latents, noise, timesteps)
            if inputs == 9:
                blank = encode_images(vae, scene.image * (1 - scene.mask))
                given = torch.cat([noisy, hole, blank], dim=1)
            else:
                given = torch.cat([torch.where(hole > 0, noisy, latents), hole], dim=1)
            tokens = tokenizer(scene.class_name, padding="max_length", max_length=77, return_tensors="pt").input_ids
            with torch.no_grad():
                text = text_encoder(tokens.to(device)).last_hidden_state
            prediction = network(given, timesteps, text).sample
            loss = F.mse_loss(prediction.float(), noise.float())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return step


def with_latents(model: DreamInpainter, batch: Batch) -> Batch:
    """The batch with what `prepare --cache_latents` would have written."""
    batch = batch.to(model.device)
    reference = replace(batch.reference, latents=encode_images(model.vae, batch.reference.pixels))
    return replace(batch, latents=encode_images(model.vae, batch.image), reference=reference)


def random_batch(size: int, count: int) -> Batch:
    """Pictures of noise, with a square hole and a square subject each."""
    made = torch.Generator().manual_seed(0)
    image, reference = (torch.rand(count, 3, size, size, generator=made) * 2 - 1 for _ in range(2))
    mask = torch.zeros(count, 1, size, size)
    mask[..., size // 4 : -size // 4, size // 4 : -size // 4] = 1
    words = ["critter"] * count
    return Batch(image, mask, Reference(reference, mask), words, words, words, words, torch.arange(count))
