"""What every generator of holes is."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from dreaminpainter.components import Component


class MaskGenerator(Component, nn.Module, ABC):
    """Makes the hole from the object's outline.

    Each hole contains its object; `ElsewhereMask` alone is made to lie beside it. No hole is empty. A hole depends on
    its own sample's object and key and on the step, never on the rest of the batch. The object mask may be on any
    device, and the hole is on the same one; keys stay on the host.
    """

    @abstractmethod
    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        """(B, 1, H, W) float in {0, 1}: the hole, 1 where the scene is to be filled.

        Args:
            object_mask: (B, 1, H, W) float in {0, 1}, the object's outline.
            key: (B,) int64, the samples' keys.
            step: the global step, for generators that change during training.

        Raises:
            InputError: a sample's object mask is empty.
        """
