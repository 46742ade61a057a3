"""What lies behind the subject of a reference.

The model learns from references on one kind of background, and has to be given the same when it samples. The pipeline
lays the subject on white. A model that was trained on another background needs references that are already on it,
without a reference mask: `cut_out` makes them, with the same background.

Example:
    >>> import torch
    >>> from dreaminpainter.cutout import cut_out
    >>> image = torch.zeros(3, 40, 60, dtype=torch.uint8)
    >>> mask = torch.zeros(1, 40, 60, dtype=torch.bool)
    >>> mask[:, 10:30, 20:30] = True
    >>> grey = Colour([127, 127, 127])(image, mask, key=torch.tensor([7]))
    >>> pixels, _ = cut_out(image, mask, size=32, background=grey)
    >>> round(float(pixels[0, 0, 0]), 3), float(pixels[0, 16, 16])
    (-0.004, -1.0)
"""

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.components import Component
from dreaminpainter.data.references.blur import blur_within
from dreaminpainter.errors import SettingError
from dreaminpainter.levels import from_levels, to_levels

_SMALL_SIGMA = 4.0
"""Standard deviation, in pixels, that a picture is made small to before it is blurred: a wide blur would be slow."""


class ReferenceBackground(Component, ABC):
    """Chooses the background of a reference. The paper shows white (Fig. 2); the others are for study."""

    @abstractmethod
    def __call__(self, image: Tensor, mask: Tensor, key: Tensor) -> Tensor | None:
        """(3, H, W) uint8, what `cut_out` lays behind the subject; None for white.

        Args:
            image: (3, H, W) uint8, the picture that the subject is cut out of.
            mask: (1, H, W) bool, true on the subject.
            key: (1,) int64, the sample's key, for backgrounds that are drawn.
        """


class White(ReferenceBackground):
    """White, as in Fig. 2."""

    def __call__(self, image: Tensor, mask: Tensor, key: Tensor) -> Tensor | None:
        return None


class Colour(ReferenceBackground):
    """One colour.

    Args:
        rgb: red, green and blue, 0 to 255 each.

    Raises:
        SettingError: these are no three numbers in that range.
    """

    def __init__(self, rgb: list[int]) -> None:
        if len(rgb) != 3 or not all(0 <= one <= 255 for one in rgb):
            raise SettingError(f"Colour needs an rgb of three numbers in 0 to 255, not {rgb}.")
        self.rgb = rgb

    def __call__(self, image: Tensor, mask: Tensor, key: Tensor) -> Tensor | None:
        return torch.tensor(self.rgb, dtype=torch.uint8)[:, None, None].expand(image.shape)


class BlurredScene(ReferenceBackground):
    """The subject's own picture out of focus, without the subject.

    The place of the subject is blurred over from around it, so that no shadow of it is left; white where the picture
    is nothing but the subject.

    Args:
        sigma: standard deviation of the Gaussian, as a share of the picture's longer side; above 0 and up to 1.

    Raises:
        SettingError: sigma is out of its range.
    """

    def __init__(self, sigma: float = 0.05) -> None:
        if not 0 < sigma <= 1:
            raise SettingError(f"BlurredScene needs a sigma above 0 and up to 1, not {sigma}.")
        self.sigma = sigma

    def __call__(self, image: Tensor, mask: Tensor, key: Tensor) -> Tensor | None:
        if mask.all():
            return None
        height, width = image.shape[1:]
        scale = min(1.0, _SMALL_SIGMA / (self.sigma * max(height, width)))
        size = (math.ceil(height * scale), math.ceil(width * scale))
        scene = (~mask).float()
        weighted = torch.cat((from_levels(image) * scene, scene))[None]
        weighted = F.interpolate(weighted, size=size, mode="bilinear", antialias=True, align_corners=False)
        seen = weighted[:, 3:].clamp(min=0.0)
        mean = weighted[:, :3].sum(dim=(2, 3), keepdim=True) / seen.sum()
        # Relative to the scene's mean, which is what stays where no scene is near.
        pixels = weighted[:, :3] / seen.clamp(min=1e-6) - mean
        sigma = self.sigma * scale * max(height, width)
        blurred = blur_within(pixels, seen, torch.tensor([sigma]), greatest=sigma) + mean
        large = F.interpolate(blurred, size=(height, width), mode="bilinear", align_corners=False)[0]
        return to_levels(large.clamp(-1.0, 1.0))
