"""What changes references, so that they cannot be laid into the hole pixel by pixel, and what lies behind them.

Example:
    >>> import torch
    >>> augmentation = Augmentations([FlipRotate(), Sometimes(Blur(), probability=0.3), ColourJitter()])
    >>> pixels, mask = torch.ones(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    >>> pixels[..., 8:24, 8:24], mask[..., 8:24, 8:24] = -0.5, 1
    >>> pixels, mask = augmentation(pixels, mask, key=torch.tensor([7]))
    >>> pixels.shape, bool((pixels[:, :, 0] == 1).all())
    (torch.Size([1, 3, 32, 32]), True)
"""

from dreaminpainter.data.references.backgrounds import BlurredScene, Colour, ReferenceBackground, White
from dreaminpainter.data.references.base import NoAugmentation, ReferenceAugmentation
from dreaminpainter.data.references.blur import Blur
from dreaminpainter.data.references.chains import Augmentations, Sometimes
from dreaminpainter.data.references.colour_jitter import ColourJitter
from dreaminpainter.data.references.elastic import Elastic
from dreaminpainter.data.references.flip_rotate import FlipRotate
from dreaminpainter.data.references.perspective import Perspective

__all__ = [
    "Augmentations",
    "Blur",
    "BlurredScene",
    "Colour",
    "ColourJitter",
    "Elastic",
    "FlipRotate",
    "NoAugmentation",
    "Perspective",
    "ReferenceAugmentation",
    "ReferenceBackground",
    "Sometimes",
    "White",
]
