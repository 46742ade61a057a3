"""References seen from another side."""

import torch
from kornia.geometry.transform import get_perspective_transform, warp_perspective
from torch import Tensor

from dreaminpainter.data.references.base import ReferenceAugmentation
from dreaminpainter.data.references.moving import move
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform


class Perspective(ReferenceAugmentation):
    """Draws each corner of the square inwards, as if it were a board seen from aside. This is our choice.

    Corners move only inwards, so no part of the subject is lost.

    Args:
        distortion: greatest way of a corner along either axis, as a share of the square's side; 0 to 0.25.

    Raises:
        SettingError: the distortion is out of its range.
    """

    def __init__(self, distortion: float = 0.1) -> None:
        super().__init__()
        if not 0 <= distortion <= 0.25:
            raise SettingError(f"Perspective needs a distortion in 0 to 0.25, not {distortion}.")
        self.distortion = distortion

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        size = pixels.shape[-1]
        corner_42 = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        inwards_B42 = (1 - 2 * corner_42) * self.distortion * uniform(key, (4, 2), "reference.corners")
        before_B42 = corner_42.expand(len(key), -1, -1) * (size - 1)
        matrix_B33 = get_perspective_transform(before_B42, before_B42 + inwards_B42 * (size - 1)).to(pixels)
        return move(pixels, mask, lambda both: warp_perspective(both, matrix_B33, (size, size)))
