"""Pictures in whole levels, as files hold them, and in [-1, 1], as networks see them.

Example:
    >>> import torch
    >>> to_levels(from_levels(torch.tensor([0, 127, 255], dtype=torch.uint8)))
    tensor([  0, 127, 255], dtype=torch.uint8)
"""

import torch
from torch import Tensor


def from_levels(picture: Tensor) -> Tensor:
    """uint8 levels as float in [-1, 1]."""
    return picture.to(torch.float32, copy=True).div_(127.5).sub_(1.0)


def to_levels(picture: Tensor) -> Tensor:
    """Float in [-1, 1] as the nearest uint8 levels."""
    return picture.add(1.0).mul_(127.5).round_().to(torch.uint8)
