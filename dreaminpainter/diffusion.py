"""The arithmetic of diffusion training as pure functions: timesteps, noise in a mask, targets and the loss.

Noise schedules are diffusers' (`DDPMScheduler` and its kin). Keys may be on the host or on the device; what is drawn
lands where they are.

Example:
    >>> import torch
    >>> from diffusers import DDPMScheduler
    >>> scheduler = DDPMScheduler()
    >>> keys, clean, hole = torch.tensor([1, 2]), torch.zeros(2, 4, 8, 8), torch.zeros(2, 1, 8, 8)
    >>> timesteps = sample_timesteps(keys, scheduler.config.num_train_timesteps)
    >>> noisy = compose_inside(add_noise(scheduler, clean, noise_like(clean, keys), timesteps), clean, hole)
    >>> bool((noisy == clean).all())  # nothing is noised where nothing is to be filled
    True
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import integers, normal


def sample_timesteps(keys: Tensor, num_train_timesteps: int) -> Tensor:
    """(R,) int64: a timestep for each key, uniform in [0, num_train_timesteps) (Ho et al. 2020, algorithm 1).

    Args:
        keys: (R,) int64.
        num_train_timesteps: of the scheduler.
    """
    return integers(keys, 0, num_train_timesteps, (), "timestep")


def noise_like(latents: Tensor, keys: Tensor) -> Tensor:
    """Standard normal noise of the latents' shape, device and dtype, each row drawn from its key.

    It is drawn on the latents' device. A GPU's logarithm and cosine may differ from the host's in the last bits.

    Args:
        latents: (R, C, h, w).
        keys: (R,) int64.
    """
    keys = keys.to(latents.device, non_blocking=True)
    return normal(keys, tuple(latents.shape[1:]), "noise").to(latents.dtype)


def mask_to_latents(mask: Tensor, size: tuple[int, ...]) -> Tensor:
    """(B, 1, h, w) in {0, 1}: the cells that a mask touches, by max-pooling, so that no touched cell is lost.

    Where the sizes do not divide evenly, neighbouring cells share the pixels on their border.

    Args:
        mask: (B, 1, H, W) in {0, 1}.
        size: (h, w) of the latents, such as `latents.shape[-2:]`.
    """
    return F.adaptive_max_pool2d(mask, size)


def add_noise(scheduler: Any, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """x_t = sqrt(ᾱ_t) x_0 + sqrt(1 - ᾱ_t) ε (Ho et al. 2020, eq. 4), in float32, returned in the dtype of `clean`.

    The scheduler computes ᾱ in the dtype that it is given, and bfloat16 rounds the first steps' ᾱ to 1: no noise.

    Args:
        scheduler: a diffusers noise schedule.
        clean: (R, C, h, w), x_0.
        noise: (R, C, h, w), ε.
        timesteps: (R,) int64.
    """
    noisy: Tensor = scheduler.add_noise(clean.float(), noise.float(), timesteps)
    return noisy.to(clean.dtype)


def compose_inside(noisy: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """x_t ⊙ m + x_0 ⊙ (1 - m): noise in the hole, the clean scene around it (SmartBrush, Xie et al. 2023).

    Args:
        noisy: (R, C, h, w).
        clean: (R, C, h, w).
        mask: (R, 1, h, w) in {0, 1}, 1 in the hole.
    """
    mask = mask.to(noisy.dtype)
    return noisy * mask + clean * (1 - mask)


def training_target(scheduler: Any, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """(R, C, h, w) float32: what the network is to predict, by the scheduler's `prediction_type`.

    That is ε (Ho et al. 2020), v = sqrt(ᾱ_t) ε - sqrt(1 - ᾱ_t) x_0 (Salimans & Ho 2022), or x_0 ("sample").

    Args:
        scheduler: a diffusers noise schedule.
        clean: (R, C, h, w), x_0.
        noise: (R, C, h, w), ε.
        timesteps: (R,) int64.

    Raises:
        SettingError: the scheduler has another `prediction_type`.
    """
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return noise.float()
    if kind == "v_prediction":
        velocity: Tensor = scheduler.get_velocity(clean.float(), noise.float(), timesteps)
        return velocity
    if kind == "sample":
        return clean.float()
    raise unknown_prediction_type(kind)


def masked_mean_per_row(error: Tensor, mask: Tensor) -> Tensor:
    """(R,) float32: each row's mean over channels and over the cells of its own mask.

    A row whose mask is empty gives 0; telling that apart here would make the host wait for the device.

    Args:
        error: (R, C, h, w).
        mask: (R, 1, h, w) in {0, 1}, or how often each cell counts: 0, or 1 and above.
    """
    mask = mask.float()
    cells = mask.sum(dim=(1, 2, 3)).clamp_min(1)
    return (error.float() * mask).sum(dim=(1, 2, 3)) / (cells * error.shape[1])


def batch_loss(per_row: Tensor, weight: Tensor, samples: int) -> Tensor:
    """Scalar: weighted losses summed, over the number of samples.

    With one row a sample this is the mean; with an added term of weight λ it is mean(L) + λ mean(L_reg). It never
    divides by mask areas or weights of the whole batch, so the mean over equal parts of a batch is the whole's loss.

    Args:
        per_row: (R,).
        weight: (R,), each row's factor.
        samples: B, the samples in the batch.
    """
    return (per_row * weight).sum() / samples


def unknown_prediction_type(kind: str) -> SettingError:
    """The error for a `prediction_type` that is none of the three."""
    return SettingError(
        f"The scheduler's prediction_type is {kind!r}. Set it to 'epsilon', 'v_prediction' or 'sample'."
    )
