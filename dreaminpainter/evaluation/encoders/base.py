"""What turns pictures, and texts, into vectors that can be compared."""

from abc import ABC, abstractmethod
from functools import cached_property
from hashlib import blake2b
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.errors import MissingFileError
from dreaminpainter.hub import UNREACHABLE


class ImageEncoder(Component, ABC):
    """A frozen network that embeds pictures; loaded when first used.

    Attributes:
        label: a short word for it in the names of figures, such as "DINO".
        device: where it works.
    """

    label: str
    device: str = "cpu"

    @abstractmethod
    def load(self) -> nn.Module:
        """Its network."""

    @abstractmethod
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, D) of pictures (B, 3, S, S) in [0, 1], of any S."""

    @cached_property
    def network(self) -> Any:
        """The network, without gradients, where it works."""
        return self.load().requires_grad_(False).eval().to(self.device)

    @cached_property
    def checksum(self) -> str:
        """Of the network's weights; figures of different weights do not compare, whatever their name."""
        digest = blake2b(digest_size=6)
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def features(self, pictures: list[Tensor]) -> Tensor:
        """(B, D) float32 on the host, of pictures (3, S, S) in [0, 1]."""
        return self.encode(torch.stack(pictures).to(self.device)).float().cpu()

    def embed(self, pictures: list[Tensor]) -> Tensor:
        """The same, of unit length."""
        return F.normalize(self.features(pictures), dim=1)


class TextImageEncoder(ImageEncoder, ABC):
    """An encoder that puts texts into the same space."""

    @abstractmethod
    def encode_texts(self, texts: list[str]) -> Tensor:
        """(B, D)."""

    @torch.no_grad()
    def embed_texts(self, texts: list[str]) -> Tensor:
        """(B, D) on the host, of unit length."""
        return F.normalize(self.encode_texts(texts).float(), dim=1).cpu()


def standardized(pictures: Tensor, size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Pictures in [0, 1] at another size, less a mean and over a deviation, channel by channel."""
    if pictures.shape[-1] != size:
        pictures = F.interpolate(pictures, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
    return (pictures - pictures.new_tensor(mean)[:, None, None]) / pictures.new_tensor(std)[:, None, None]


def loaded(kind: Any, source: str, **settings: Any) -> Any:
    """`kind.from_pretrained(source)`.

    Args:
        kind: a class of transformers.
        source: name on the hub, or a folder.
        settings: further arguments.

    Raises:
        MissingFileError: it is neither a folder nor reachable.
    """
    try:
        return kind.from_pretrained(source, **settings)
    except UNREACHABLE as error:
        raise MissingFileError(
            f"The encoder {source!r} is neither a folder that transformers wrote nor reachable on the hub. Give the "
            "folder's path, or download it where there is a network and set HF_HOME to its cache."
        ) from error
