"""Holes made from the outline of an object, from exact to loose.

SmartBrush trains on masks of several precisions, from the exact outline to the box. DreamInpainter's own are not told,
so every range here is our choice. Each hole contains its object, and depends on the sample's key alone, never on the
rest of the batch.

Example:
    >>> import torch
    >>> object_mask = torch.zeros(1, 1, 8, 8)
    >>> object_mask[..., 2:4, 3:6] = 1
    >>> int(BoxMask()(object_mask, key=torch.tensor([7])).sum())
    6
"""

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.cutout import boxes_of
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import bits, uniform


class MaskGenerator(Component, nn.Module, ABC):
    """Makes the hole from the object's outline."""

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


class ExactMask(MaskGenerator):
    """The object's own outline."""

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes_of(object_mask)  # refuses an empty object
        return object_mask.clone()


class DilatedMask(MaskGenerator):
    """The outline, widened by a disk.

    Args:
        min_share: least radius of the disk, as a share of the longer side of the object's box; 0 or more.
        max_share: greatest radius, likewise; the radius is drawn between the two.

    Raises:
        SettingError: the shares are negative or in the wrong order.
    """

    def __init__(self, min_share: float = 0.02, max_share: float = 0.15) -> None:
        super().__init__()
        if not 0 <= min_share <= max_share:
            raise SettingError(f"DilatedMask needs 0 <= min_share <= max_share, not {min_share} and {max_share}.")
        self.min_share = min_share
        self.max_share = max_share

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        left, top, right, bottom = boxes_of(object_mask).unbind(dim=1)
        extent = torch.maximum(right - left, bottom - top)
        share = _between(self.min_share, self.max_share, _drawn(key, "mask.radius", object_mask))
        return _dilate(object_mask, extent * share)


class BoxMask(MaskGenerator):
    """The object's box."""

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        return _fill_boxes(boxes_of(object_mask), object_mask)


class LooseBoxMask(MaskGenerator):
    """A box around the object's box, of random size, aspect and place, clipped to the picture.

    It tells neither the object's outline nor its extent.

    Args:
        min_scale: least factor on the sides of the object's box; 1 or more.
        max_scale: greatest factor, likewise.
        max_aspect: by how much the ratio of the sides may change either way; 1 keeps it. A side that would end up
            shorter than the object's own is kept at the object's.

    Raises:
        SettingError: the scales are below 1 or in the wrong order, or the aspect is below 1.
    """

    def __init__(self, min_scale: float = 1.2, max_scale: float = 1.8, max_aspect: float = 1.5) -> None:
        super().__init__()
        if not 1 <= min_scale <= max_scale or max_aspect < 1:
            raise SettingError(
                "LooseBoxMask needs 1 <= min_scale <= max_scale and max_aspect >= 1, "
                f"not {min_scale}, {max_scale} and {max_aspect}."
            )
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.max_aspect = max_aspect

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes = boxes_of(object_mask)
        starts, ends = boxes[:, :2], boxes[:, 2:]
        scale = _between(self.min_scale, self.max_scale, _drawn(key, "mask.scale", object_mask))
        log_aspect = math.log(self.max_aspect) * _between(-1, 1, _drawn(key, "mask.aspect", object_mask))
        stretch = torch.stack((log_aspect / 2, -log_aspect / 2), dim=1).exp()
        slack = ((ends - starts) * (scale[:, None] * stretch - 1)).clamp(min=0)
        before = slack * uniform(key, (2,), "mask.shift").to(object_mask.device)
        loose = torch.cat(((starts - before).floor(), (ends + slack - before).ceil()), dim=1)
        return _fill_boxes(loose, object_mask)


class MixtureMask(MaskGenerator):
    """One of several generators, chosen for each sample.

    Args:
        masks: the generators to choose from.
        weights: how often each is chosen, in any unit; None for equally often.

    Raises:
        SettingError: there is no generator, or the weights do not fit.
    """

    def __init__(self, masks: list[MaskGenerator], weights: list[float] | None = None) -> None:
        super().__init__()
        shares = [1.0] * len(masks) if weights is None else weights
        if not masks or len(shares) != len(masks) or min(shares) < 0 or sum(shares) <= 0:
            raise SettingError(
                f"MixtureMask needs one or more masks and a weight of 0 or more for each, not all 0; it got "
                f"{len(masks)} masks and the weights {weights}."
            )
        self.masks = masks
        self.weights = weights

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes_of(object_mask)  # refuses an empty object by its place in the whole batch
        limits = torch.tensor(self.weights or [1.0] * len(self.masks)).cumsum(0)
        choice_B = torch.searchsorted(limits / limits[-1], uniform(key, (), "mask.choice"), right=True)
        # A key of its own for whichever is chosen: a mixture within a mixture would else repeat the choice.
        inner_key = bits(key, 1, "mask.chosen")[:, 0]
        hole = torch.empty_like(object_mask)
        for index in sorted(set(choice_B.tolist())):
            rows = (choice_B == index).nonzero().flatten()
            there = rows.to(object_mask.device)
            hole[there] = self.masks[index](object_mask[there], inner_key[rows], step)
        return hole


def _drawn(key: Tensor, stream: str, like: Tensor) -> Tensor:
    """(B,) uniform in [0, 1), on the device of `like`; keys stay on the host."""
    return uniform(key, (), stream).to(like.device)


def _between(low: float, high: float, drawn: Tensor) -> Tensor:
    return low + (high - low) * drawn


def _fill_boxes(boxes: Tensor, like: Tensor) -> Tensor:
    """Ones within `boxes` (B, 4), zeros elsewhere, shaped as `like` (B, 1, H, W)."""
    left, top, right, bottom = boxes[:, :, None].unbind(dim=1)
    x = torch.arange(like.shape[3], device=like.device)
    y = torch.arange(like.shape[2], device=like.device)
    columns = (x >= left) & (x < right)
    rows = (y >= top) & (y < bottom)
    return (rows[:, None, :, None] & columns[:, None, None, :]).to(like.dtype)


def _dilate(mask: Tensor, radius_B: Tensor) -> Tensor:
    """Every pixel whose centre is within `radius_B` of a one's.

    Distances along the columns come first; then each column looks sideways as far as the radius reaches, so the cost
    grows with the radius and not with its square.
    """
    vertical = torch.minimum(_distance_above(mask), _distance_above(mask.flip(2)).flip(2))
    reach = int(radius_B.max())
    padded = F.pad(vertical, (reach, reach), value=torch.inf)
    hole = mask > 0
    for shift in range(-reach, reach + 1):
        height = (radius_B**2 - shift**2)[:, None, None, None]  # negative where the radius does not reach as far
        beside = padded[..., reach + shift : reach + shift + mask.shape[3]]
        hole |= beside**2 <= height
    return hole.to(mask.dtype)


def _distance_above(mask: Tensor) -> Tensor:
    """How many pixels above each pixel the nearest one of its column lies; infinity where there is none."""
    y = torch.arange(mask.shape[2], dtype=torch.float32, device=mask.device)[:, None]
    nearest = torch.where(mask > 0, y, -torch.inf).cummax(dim=2).values
    return y - nearest
