"""Blurred references."""

import math

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from dreaminpainter.data.references.base import ReferenceAugmentation
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform


class Blur(ReferenceAugmentation):
    """Blurs the subject within its outline, as a picture out of focus. The outline and what is around it stay.

    Paint-by-Example blurs its references. That the outline stays, and the Gaussian, are our choice.

    Args:
        min_sigma: least standard deviation of the Gaussian, as a share of the square's side; 0 or more.
        max_sigma: greatest one, up to 0.05; it is drawn between the two. The time that this takes grows with it.

    Raises:
        SettingError: the deviations are out of their range or in the wrong order.
    """

    def __init__(self, min_sigma: float = 0.0, max_sigma: float = 0.005) -> None:
        super().__init__()
        if not 0 <= min_sigma <= max_sigma <= 0.05:
            raise SettingError(f"Blur needs 0 <= min_sigma <= max_sigma <= 0.05, not {min_sigma} and {max_sigma}.")
        self.min_sigma = min_sigma
        self.max_sigma = max_sigma

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        size = pixels.shape[-1]
        share_B = self.min_sigma + (self.max_sigma - self.min_sigma) * uniform(key, (), "reference.blur")
        blurred = blur_within(pixels, mask, size * share_B.to(pixels), greatest=size * self.max_sigma)
        return torch.where(mask == 1, blurred.clamp(-1.0, 1.0), pixels), mask


def blur_within(pixels: Tensor, where: Tensor, sigma_B: Tensor, greatest: float) -> Tensor:
    """(B, 3, H, W): at each pixel the Gaussian mean of those around it that `where` marks, of no others.

    Args:
        pixels: (B, 3, H, W).
        where: (B, 1, H, W) in [0, 1].
        sigma_B: standard deviations in pixels.
        greatest: the greatest that there may be in any batch, in pixels. The Gaussian ends at three times that; pixels
            further from all that is marked become 0.
    """
    side = 2 * math.ceil(3 * max(greatest, 1 / 3)) + 1
    sigma_B2 = sigma_B.clamp(min=1e-3)[:, None].expand(-1, 2)
    weighted = torch.cat((pixels * where, where), dim=1)
    blurred: Tensor = gaussian_blur2d(weighted, (side, side), sigma_B2, border_type="constant")
    return blurred[:, :3] / blurred[:, 3:].clamp(min=1e-9)
