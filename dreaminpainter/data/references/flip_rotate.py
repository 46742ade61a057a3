"""Mirrored and turned references."""

import torch
from kornia.geometry.transform import get_rotation_matrix2d, warp_affine
from torch import Tensor

from dreaminpainter.data.references.base import ReferenceAugmentation
from dreaminpainter.data.references.moving import move
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform


class FlipRotate(ReferenceAugmentation):
    """Mirrors and turns, as Paint-by-Example does; the paper's own augmentation is not told.

    A turned subject is made smaller by as much as its corners may need, so that no part of it is lost (our choice).

    Args:
        flip: how often the subject is mirrored left to right, 0 to 1.
        degrees: greatest angle either way, 0 to 90.

    Raises:
        SettingError: a setting is out of its range.
    """

    def __init__(self, flip: float = 0.5, degrees: float = 20.0) -> None:
        super().__init__()
        if not 0 <= flip <= 1 or not 0 <= degrees <= 90:
            raise SettingError(f"FlipRotate needs flip in 0 to 1 and degrees in 0 to 90, not {flip} and {degrees}.")
        self.flip = flip
        self.degrees = degrees

    def forward(self, pixels: Tensor, mask: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        size = pixels.shape[-1]
        angle_B = self.degrees * (2 * uniform(key, (), "reference.angle") - 1)
        radians_B = torch.deg2rad(angle_B)
        scale_B = 1 / (radians_B.cos() + radians_B.sin().abs())
        centre = torch.full((len(key), 2), (size - 1) / 2)
        matrix_B23 = get_rotation_matrix2d(centre, angle_B, scale_B[:, None].expand(-1, 2)).to(pixels)
        mirrored = (uniform(key, (), "reference.flip") < self.flip).tolist()
        pixels, mask = _mirror(pixels, mirrored), _mirror(mask, mirrored)
        return move(pixels, mask, lambda both: warp_affine(both, matrix_B23, (size, size)))


def _mirror(pictures: Tensor, mirrored: list[bool]) -> Tensor:
    """(B, C, H, W) pictures, some of them mirrored; only those are, since it takes as long as a good part of a turn."""
    return torch.stack(
        [one.flip(2) if is_mirrored else one for one, is_mirrored in zip(pictures, mirrored, strict=True)]
    )
