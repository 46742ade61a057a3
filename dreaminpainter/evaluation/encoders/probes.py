"""The attribute probes' own features: an encoder that comes with the package and knows drawn creatures."""

import torch
from torch import Tensor, nn

from dreaminpainter.evaluation.encoders.base import ImageEncoder
from dreaminpainter.evaluation.probes import AttributeProbes
from dreaminpainter.pretrained import packaged


class ProbeEncoder(ImageEncoder):
    """The last convolution of `AttributeProbes`, its mean over the picture.

    It needs no download, and says something of critters alone.

    Args:
        source: folder of the probes, or the packaged ones.
    """

    label = "probes"

    def __init__(self, source: str = "critters-probes") -> None:
        self.source = source

    def load(self) -> nn.Module:
        probes: nn.Module = AttributeProbes.from_pretrained(packaged(self.source), dtype=torch.float32)
        return probes

    def encode(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.network.features(pictures * 2 - 1)
        return features.mean((2, 3))
