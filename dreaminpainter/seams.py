"""What can be done about the seam between a fill and its scene."""

import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST_DEVIATION = 0.02
"""In [0, 1]; on a ring of one flat colour, deviations say nothing and their ratio could be anything."""


def with_colours_of(fills: Tensor, scenes: Tensor, holes: Tensor) -> Tensor:
    """Fills with the colours that their scenes have on the ring around the hole: same mean and deviation by channel.

    A fill shows the ring too, as the autoencoder gives it back; by how that differs from the scene the whole fill is
    corrected, with kornia's `normalize` and `denormalize`. Our own addition.

    Args:
        fills: (B, 3, h, w) in [0, 1], decoded, the scene around the hole included.
        scenes: (B, 3, h, w) in [0, 1].
        holes: (B, 1, h, w) in {0, 1}.

    Returns:
        (B, 3, h, w) in [0, 1]; a fill whose hole leaves no ring stays as it is.

    Example:
        >>> hole = torch.zeros(1, 1, 32, 32)
        >>> hole[:, :, 8:24, 8:24] = 1
        >>> scene = torch.rand(1, 3, 32, 32) * 0.5
        >>> bool(torch.allclose(with_colours_of(scene + 0.2, scene, hole), scene, atol=1e-5))
        True
    """
    from kornia.enhance import denormalize, normalize  # takes seconds to import, and few ask for this

    width = max(2, fills.shape[-1] // 16)
    rings = F.max_pool2d(holes, 2 * width + 1, stride=1, padding=width) - holes
    matched = []
    for fill, scene, ring in zip(fills, scenes, rings[:, 0] > 0, strict=True):
        if ring.sum() < 2:
            matched.append(fill)
            continue
        (of_fill, from_mean), (of_scene, to_mean) = (torch.std_mean(one[:, ring], dim=1) for one in (fill, scene))
        even = normalize(fill[None], from_mean, of_fill.clamp(min=_LEAST_DEVIATION))
        matched.append(denormalize(even, to_mean, of_scene.clamp(min=_LEAST_DEVIATION))[0].clamp(0, 1))
    return torch.stack(matched)
