"""Where denoising starts: which steps a scheduler makes, and what noise they begin with."""

from typing import Any

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from dreaminpainter.errors import InputError, SettingError

Generators = torch.Generator | list[torch.Generator] | None


def starting_noise(latents: Tensor, generator: Generators, given: Tensor | None) -> Tensor:
    """Standard normal noise of the latents' shape: what was given, or drawn from one generator or one for each.

    Raises:
        InputError: what was given has another shape, or there is another count of generators.
    """
    if given is None:
        if isinstance(generator, list) and len(generator) != len(latents):
            raise InputError(
                f"There are {len(generator)} generators and {len(latents)} fills. Give one, or one a fill."
            )
        drawn: Tensor = randn_tensor(latents.shape, generator, latents.device, latents.dtype)
        return drawn
    if given.shape != latents.shape:
        raise InputError(f"latents are {tuple(given.shape)}, and {tuple(latents.shape)} are needed here.")
    return given.to(latents)


def steps_of(scheduler: Any, steps: int, strength: float, device: torch.device) -> Tensor:
    """The timesteps to be made, noisiest first: all `steps`, or the last of them by the share `strength`.

    Raises:
        SettingError: steps or strength are out of their range.
    """
    if steps < 1:
        raise SettingError(f"num_inference_steps={steps}; it must be 1 or more.")
    if not 0 < strength <= 1:
        raise SettingError(f"strength={strength}; it must be above 0 and up to 1.")
    scheduler.set_timesteps(steps, device=device)
    skipped = (steps - max(1, round(steps * strength))) * scheduler.order
    if skipped and hasattr(scheduler, "set_begin_index"):  # DDIM's finds its place by itself
        scheduler.set_begin_index(skipped)
    timesteps: Tensor = scheduler.timesteps[skipped:]
    return timesteps


def noised(scheduler: Any, noise: Tensor, timesteps: Tensor, picture: Tensor | None) -> Tensor:
    """What the first of the timesteps starts from: noise alone, or the latents of a picture under it.

    Args:
        scheduler: its steps are set.
        noise: (B, C, h, w), standard normal.
        timesteps: from `steps_of`.
        picture: (B, C, h, w), what shows through; None for noise alone.
    """
    if picture is None:
        pure: Tensor = noise * scheduler.init_noise_sigma
        return pure
    mixed: Tensor = scheduler.add_noise(picture, noise, timesteps[:1].repeat(len(picture)))
    return mixed
