"""How much each timestep counts in the loss."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from dreaminpainter.components import Component
from dreaminpainter.diffusion import unknown_prediction_type
from dreaminpainter.errors import SettingError


class LossWeighting(Component, ABC):
    """A factor for each row's loss, by its timestep."""

    @abstractmethod
    def __call__(self, timesteps: Tensor, scheduler: Any) -> Tensor:
        """(R,) float32, on the device of `timesteps`.

        Args:
            timesteps: (R,) int64.
            scheduler: a diffusers noise schedule.
        """


class UniformWeighting(LossWeighting):
    """Every timestep counts alike (Ho et al. 2020, the simple loss).

    Example:
        >>> UniformWeighting()(torch.tensor([3, 999]), scheduler=None)
        tensor([1., 1.])
    """

    def __call__(self, timesteps: Tensor, scheduler: Any) -> Tensor:
        return torch.ones(timesteps.shape, device=timesteps.device)


class MinSNRWeighting(LossWeighting):
    """Easy timesteps, those of little noise, count less (Hang et al. 2023, "Min-SNR Weighting Strategy").

    With SNR = ᾱ / (1 - ᾱ), the weight of the loss on x_0 is min(SNR, γ). Expressed for the prediction that is trained
    it becomes min(SNR, γ) / SNR for ε, min(SNR, γ) / (SNR + 1) for v. At zero terminal SNR these are 1 and 0.

    Args:
        gamma: γ, above 0; 5 in the paper cited.

    Example:
        >>> from diffusers import DDPMScheduler
        >>> weight = MinSNRWeighting(gamma=5.0)(torch.tensor([0, 999]), DDPMScheduler())
        >>> weight[0].item() < 0.01, weight[1].item()
        (True, 1.0)
    """

    def __init__(self, gamma: float = 5.0) -> None:
        if not gamma > 0:
            raise SettingError(f"gamma is {gamma}. Set it above 0; 5 is usual.")
        self.gamma = gamma

    def __call__(self, timesteps: Tensor, scheduler: Any) -> Tensor:
        alpha: Tensor = scheduler.alphas_cumprod.to(timesteps.device)[timesteps].float()
        snr = alpha / (1 - alpha)
        kind = scheduler.config.prediction_type
        if kind == "epsilon":
            return (self.gamma / snr).clamp(max=1)  # min(snr, gamma) / snr without 0 / 0
        if kind == "v_prediction":
            return snr.clamp(max=self.gamma) / (snr + 1)
        if kind == "sample":
            return snr.clamp(max=self.gamma)
        raise unknown_prediction_type(kind)


class VelocityWeighting(LossWeighting):
    """Every timestep counts as in the loss on v (Salimans & Ho 2022, "SNR+1 weighting"), those of least noise no more.

    With SNR = ᾱ / (1 - ᾱ), the weight of the loss on x_0 is min(SNR + 1, limit). A network that predicts x_0 itself
    ("sample") is then heard on strokes as much as on places and colours; without a limit, the timesteps of next to no
    noise, where it can do little but copy, would drown out the others.

    Args:
        limit: the largest weight on x_0, 1 or more; 1 is `UniformWeighting` for a network that predicts x_0.

    Example:
        >>> from diffusers import DDPMScheduler
        >>> scheduler = DDPMScheduler(prediction_type="sample")
        >>> VelocityWeighting(limit=5.0)(torch.tensor([0, 999]), scheduler).round(decimals=2)
        tensor([5., 1.])
    """

    def __init__(self, limit: float = 5.0) -> None:
        if not limit >= 1:
            raise SettingError(f"limit is {limit}. Set it to 1 or more.")
        self.limit = limit

    def __call__(self, timesteps: Tensor, scheduler: Any) -> Tensor:
        alpha: Tensor = scheduler.alphas_cumprod.to(timesteps.device)[timesteps].float()
        weight = (1 / (1 - alpha)).clamp(max=self.limit)  # SNR + 1
        kind = scheduler.config.prediction_type
        if kind == "epsilon":
            return weight * (1 - alpha) / alpha
        if kind == "v_prediction":
            return weight * (1 - alpha)
        if kind == "sample":
            return weight
        raise unknown_prediction_type(kind)
