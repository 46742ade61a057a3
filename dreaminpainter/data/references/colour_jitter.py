"""References in another light."""

import math

import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import adjust_brightness_accumulative, adjust_hue, adjust_saturation_with_gray_subtraction
from torch import Tensor

from dreaminpainter.data.references.base import ReferenceAugmentation
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform


class ColourJitter(ReferenceAugmentation):
    """Changes brightness, contrast, saturation and hue of the subject, in this order, and of nothing around it.

    All of it is our choice. The defaults are small, because a subject's colours are part of what the reference is to
    tell.

    Args:
        brightness: the colours are multiplied by a factor within 1 plus or minus this; 0 to 1.
        contrast: their distance from the subject's mean grey likewise; 0 to 1.
        saturation: their distance from their own grey likewise; 0 to 1.
        hue: greatest turn of the hue either way, as a share of the full circle; 0 to 0.5. Of the four, it takes most
            time, and none at 0.

    Raises:
        SettingError: a setting is out of its range.
    """

    def __init__(
        self, brightness: float = 0.1, contrast: float = 0.1, saturation: float = 0.1, hue: float = 0.02
    ) -> None:
        super().__init__()
        if not all(0 <= one <= 1 for one in (brightness, contrast, saturation)) or not 0 <= hue <= 0.5:
            raise SettingError(
                "ColourJitter needs brightness, contrast and saturation in 0 to 1 and hue in 0 to 0.5, not "
                f"{brightness}, {contrast}, {saturation} and {hue}."
            )
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        inside = mask[:, 0] == 1
        count_B = inside.sum(dim=(1, 2))
        sample_P = torch.arange(len(key), device=pixels.device).repeat_interleave(count_B)
        greatest_4 = torch.tensor((self.brightness, self.contrast, self.saturation, 2 * math.pi * self.hue))
        change_B4 = (greatest_4 * (2 * uniform(key, (4,), "reference.colour") - 1)).to(pixels)
        # The subjects' pixels, P in all, as one picture a single pixel high: only they are computed.
        brightness, contrast, saturation, hue = change_B4[sample_P].T[:, None, None]
        colours = pixels.movedim(1, 0)[:, None, inside] / 2 + 0.5
        colours = adjust_brightness_accumulative(colours, 1 + brightness)
        mean = _mean_of_samples(rgb_to_grayscale(colours)[0, 0], sample_P, count_B)[sample_P]
        colours = (mean + (1 + contrast) * (colours - mean)).clamp(0.0, 1.0)
        colours = adjust_saturation_with_gray_subtraction(colours, 1 + saturation)
        if self.hue:
            colours = adjust_hue(colours, hue)
        changed = pixels.clone()
        changed.movedim(1, 0)[:, inside] = (2 * colours[:, 0] - 1).clamp(-1.0, 1.0)
        return changed, mask


def _mean_of_samples(values_P: Tensor, sample_P: Tensor, count_B: Tensor) -> Tensor:
    """(B,) mean of each sample's values; in double, so that it is the same in any batch."""
    total_B = torch.zeros(len(count_B), dtype=torch.float64, device=values_P.device)
    return (total_B.index_add(0, sample_P, values_P.double()) / count_B).to(values_P)
