"""What every segmenter is, and what it finds."""

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError


@dataclass(frozen=True, eq=False)
class Segment:
    """One object that was found in a picture.

    Args:
        mask: (1, H, W) bool, at the picture's own size; on the CPU. At least one pixel is true.
        class_name: what it is, in words.
        score: how sure the network is, 0 to 1.
    """

    mask: Tensor
    class_name: str
    score: float


class Segmenter(Component, nn.Module, ABC):
    """Finds objects in pictures, with their outlines and classes.

    A subclass reads its network in `read` and uses it in `segment`; all else is done here. The network is read when it
    is first needed, and run where this module is.

    Args:
        threshold: least score of an object, 0 to 1.

    Raises:
        SettingError: the threshold is not within 0 to 1.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        super().__init__()
        if not 0 <= threshold <= 1:
            raise SettingError(f"{type(self).__name__}: threshold is {threshold}; give a number from 0 to 1.")
        self.threshold = threshold
        self._network: nn.Module | None = None
        self.register_buffer("_place", torch.empty(0), persistent=False)  # knows the device before there is a network

    @abstractmethod
    def class_names(self) -> list[str]:
        """The classes that it knows, without reading weights.

        Raises:
            MissingFileError: what tells them is not there.
        """

    @abstractmethod
    def read(self) -> nn.Module:
        """The network with its weights.

        Raises:
            MissingFileError: it is not there.
            InputError: its file is damaged, or another network's.
        """

    @abstractmethod
    def segment(self, network: nn.Module, images: Tensor) -> list[list[Segment]]:
        """What is found in each of B pictures of one size, in any order; empty masks are left out later.

        Args:
            network: what `read` returned, on the pictures' device.
            images: (B, 3, H, W) uint8.
        """

    @torch.no_grad()
    def forward(self, images: list[Tensor]) -> list[list[Segment]]:
        """The objects in each of B pictures, those with the highest score first.

        Only pictures of one size go through the network together. So none has to be padded for the sake of another,
        and what is found in a picture does not depend on its neighbours.

        Args:
            images: (3, H, W) uint8 each, of any sizes.

        Raises:
            MissingFileError: there are no weights.
            InputError: the weights cannot be used.
        """
        network = self.load()
        alike: defaultdict[torch.Size, list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            alike[image.shape].append(index)
        found: dict[int, list[Segment]] = {}
        for indices in alike.values():
            batch = torch.stack([images[index] for index in indices]).to(self._device)
            found |= zip(indices, self.segment(network, batch), strict=True)
        return [_best_first(found[index]) for index in range(len(images))]

    def load(self) -> nn.Module:
        """The network; it is read unless it was read before."""
        if self._network is None:
            self._network = self.read().requires_grad_(False).eval().to(self._device)
        return self._network

    def release(self) -> None:
        """Gives the network's memory back; it is read again when next needed."""
        self._network = None

    @property
    def _device(self) -> torch.device:
        return self.get_buffer("_place").device


def _best_first(segments: list[Segment]) -> list[Segment]:
    return sorted((one for one in segments if one.mask.any()), key=lambda one: -one.score)
