"""Small classifiers that tell a drawn critter's attributes from its picture.

They are trained on true drawings alone (`python -m benchmarks probes`), never on a model's fills, so that what they say
of fills is a measurement.
"""

from itertools import pairwise
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torchvision.ops import roi_align


class AttributeProbes(ModelMixin, ConfigMixin):
    """One classifier an attribute, on a shared stack of convolutions.

    Args:
        values: each attribute's values, in the order of its classes.
        size: side in pixels that the picture's part in the box is brought to.
        channels: width after each halving.
        head_width: width of each classifier's hidden layer.

    Example:
        >>> probes = AttributeProbes({"hat": ["none", "crown"]}, size=32, channels=[16, 16])
        >>> picture, box = torch.zeros(1, 3, 64, 64), torch.tensor([[8.0, 8.0, 40.0, 50.0]])
        >>> probes(picture, box)["hat"].shape
        torch.Size([1, 2])
    """

    @register_to_config
    def __init__(
        self,
        values: dict[str, list[str]],
        size: int = 96,
        channels: tuple[int, ...] = (32, 64, 96, 128),
        head_width: int = 64,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in pairwise((3, *channels)):
            layers += [_convolution(before, width, stride=2), _convolution(width, width, stride=1)]
        self.trunk = nn.Sequential(*layers)
        cells = (size // 2 ** len(channels)) ** 2
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv2d(channels[-1], head_width // 2, 1),
                    nn.SiLU(),
                    nn.Flatten(),
                    nn.Linear(cells * head_width // 2, head_width),
                    nn.SiLU(),
                    nn.Linear(head_width, len(choices)),
                )
                for name, choices in values.items()
            }
        )

    def forward(self, images: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        """(B, values) logits of each attribute.

        Args:
            images: (B, 3, H, W) in [-1, 1].
            boxes: (B, 4), (left, top, right, bottom) in pixels: where the subject is, loosely.
        """
        features = self.trunk(crop(images, boxes, self.config.size))
        return {name: head(features) for name, head in self.heads.items()}

    def features(self, images: Tensor) -> Tensor:
        """(B, C, h, w), the last convolution's, of whole pictures (B, 3, H, W) in [-1, 1]."""
        height, width = images.shape[-2:]
        boxes = images.new_tensor([[0, 0, width, height]]).expand(len(images), -1)
        found: Tensor = self.trunk(crop(images, boxes, self.config.size))
        return found

    @torch.no_grad()
    def right(self, images: Tensor, boxes: Tensor, codes: dict[str, Tensor]) -> dict[str, Tensor]:
        """(B,) bool of each attribute that `codes` names: whether it is seen in the picture.

        Args:
            images: (B, 3, H, W) in [-1, 1].
            boxes: (B, 4) in pixels.
            codes: attribute name to (B,) int64, an index into its values.
        """
        logits = self(images, boxes)
        return {
            name: logits[name].argmax(1) == code.to(images.device) for name, code in codes.items() if name in logits
        }


def crop(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """(B, 3, size, size): the part of each picture in its box (B, 4), in pixels."""
    cut: Any = roi_align(images, list(boxes[:, None].to(images)), output_size=size, sampling_ratio=2, aligned=True)
    cropped: Tensor = cut
    return cropped


def _convolution(before: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, width, 3, stride, padding=1), nn.GroupNorm(8, width), nn.SiLU())
