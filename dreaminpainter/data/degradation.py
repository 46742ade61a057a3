"""Worse segmentation than the data set's own, to study what it costs.

The object masks that people will have come from careless hands and from models: too tight, too coarse, off their place,
with parts missing. A degradation makes such a mask from a good one. All of them are our choice.

Example:
    >>> object_mask = torch.zeros(1, 1, 32, 32)
    >>> object_mask[..., 8:24, 8:24] = 1
    >>> int(Eroded(0.125, 0.125)(object_mask, key=torch.tensor([7])).sum())
    144
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.choices import apply_chosen, checked_weights, draw_choice
from dreaminpainter.data.draws import between, checked_shares, key_of_its_own, some_ones
from dreaminpainter.data.masking.morphology import erode, longer_sides, move
from dreaminpainter.data.masking.painting import fill_polygons, paint_strokes
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import integers


class MaskDegradation(Component, nn.Module, ABC):
    """Makes a worse mask from a good one; a sample's depends on its own mask and key alone."""

    def forward(self, object_mask: Tensor, key: Tensor) -> Tensor:
        """(B, 1, H, W) float in {0, 1}: the worse masks. One of which nothing would be left stays as it was.

        Args:
            object_mask: (B, 1, H, W) float in {0, 1}, on any device.
            key: (B,) int64, the samples' keys, on the host.

        Raises:
            InputError: a sample's object mask is empty.
        """
        boxes_of(object_mask)  # refuses an empty object
        degraded = self.degrade(object_mask, key)
        return torch.where(degraded.amax(dim=(1, 2, 3), keepdim=True) > 0, degraded, object_mask)

    @abstractmethod
    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        """What a class makes of the masks; arguments and result are those of `forward`, but may be left empty."""


class NoDegradation(MaskDegradation):
    """Masks stay as they are."""

    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        return object_mask


class Eroded(MaskDegradation):
    """Too tight: a rim is lost, as wide as the radius of a disk. The picture's border takes nothing away.

    Args:
        min_share: least radius, as a share of the longer side of the object's box; 0 or more.
        max_share: greatest radius, likewise; the radius is drawn between the two.

    Raises:
        SettingError: the shares are negative or in the wrong order.
    """

    def __init__(self, min_share: float = 0.01, max_share: float = 0.04) -> None:
        super().__init__()
        checked_shares("Eroded", min_share, max_share)
        self.min_share = min_share
        self.max_share = max_share

    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        share = between(self.min_share, self.max_share, key, "degradation.radius", object_mask)
        return erode(object_mask, longer_sides(boxes_of(object_mask)) * share)


class Shifted(MaskDegradation):
    """Off its place, by whole pixels in a random direction. What is moved out of the picture is lost.

    Args:
        min_share: least distance, as a share of the longer side of the object's box; 0 or more.
        max_share: greatest distance, likewise; the distance is drawn between the two.

    Raises:
        SettingError: the shares are negative or in the wrong order.
    """

    def __init__(self, min_share: float = 0.02, max_share: float = 0.1) -> None:
        super().__init__()
        checked_shares("Shifted", min_share, max_share)
        self.min_share = min_share
        self.max_share = max_share

    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        share = between(self.min_share, self.max_share, key, "degradation.distance", object_mask)
        angle = between(0, 2 * math.pi, key, "degradation.direction", object_mask)
        direction = torch.stack((angle.cos(), angle.sin()), dim=1)
        distance = longer_sides(boxes_of(object_mask)) * share
        return move(object_mask, (distance[:, None] * direction).round().long())


class CoarsePolygon(MaskDegradation):
    """A polygon of few corners in place of the outline, as a hurried annotator would click it.

    The corners lie on rays from the object's centre of mass, at equal angles from a random one on, where each ray
    leaves the object for the last time. So dents, holes and gaps between parts are filled or cut as the rays fall.

    Args:
        corners: how many corners, 3 or more.

    Raises:
        SettingError: there are fewer than 3 corners.
    """

    def __init__(self, corners: int = 8) -> None:
        super().__init__()
        if corners < 3:
            raise SettingError(f"CoarsePolygon needs 3 corners or more, not {corners}.")
        self.corners = corners

    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        centre_B12 = _centres_of_mass(object_mask)[:, None]
        device = object_mask.device
        first = between(0, 2 * math.pi, key, "degradation.corner", object_mask)[:, None]
        angle_BP = first + torch.arange(self.corners, device=device) * (2 * math.pi / self.corners)
        direction_BP2 = torch.stack((angle_BP.cos(), angle_BP.sin()), dim=2)
        height, width = object_mask.shape[2:]
        distance_T = torch.arange(math.ceil(math.hypot(height, width)), dtype=torch.float32, device=device)
        ray_BPT2 = (centre_B12[:, :, None] + direction_BP2[:, :, None] * distance_T[:, None]).round().long()
        x, y = ray_BPT2.unbind(dim=3)
        seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        place = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten(1)
        hit = (object_mask.flatten(1).gather(1, place).view_as(seen) > 0) & seen
        # Half a pixel further than the last pixel's centre is its edge; a ray that meets nothing ends where it began.
        reach_BP1 = torch.where(hit, distance_T + 0.5, 0).amax(dim=2, keepdim=True)
        return fill_polygons(centre_B12 + direction_BP2 * reach_BP1, object_mask)


class DroppedParts(MaskDegradation):
    """Parts are missing: disks around random points of the object are cut out of it.

    Args:
        min_parts: least number of disks, 1 or more.
        max_parts: greatest number; the number is drawn from these and all between.
        min_share: least radius of a disk, as a share of the longer side of the object's box; 0 or more.
        max_share: greatest radius, likewise; each disk's is drawn between the two.

    Raises:
        SettingError: the numbers or the shares are too small or in the wrong order.
    """

    def __init__(self, min_parts: int = 1, max_parts: int = 3, min_share: float = 0.1, max_share: float = 0.25) -> None:
        super().__init__()
        if not 1 <= min_parts <= max_parts:
            raise SettingError(f"DroppedParts needs 1 <= min_parts <= max_parts, not {min_parts} and {max_parts}.")
        checked_shares("DroppedParts", min_share, max_share)
        self.min_parts = min_parts
        self.max_parts = max_parts
        self.min_share = min_share
        self.max_share = max_share

    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        shape = (self.max_parts,)
        share_BP = between(self.min_share, self.max_share, key, "degradation.size", object_mask, shape)
        radius_BP = longer_sides(boxes_of(object_mask))[:, None] * share_BP
        point_BP2 = some_ones(object_mask, self.max_parts, key, "degradation.part").float()
        # Disks beyond the number that was drawn lie on the first, and are no larger.
        count_B1 = integers(key, self.min_parts, self.max_parts + 1, (), "degradation.parts")[:, None]
        wanted_BP = (torch.arange(self.max_parts) < count_B1).to(object_mask.device)
        point_BP2 = torch.where(wanted_BP[:, :, None], point_BP2, point_BP2[:, :1])
        radius_BP = torch.where(wanted_BP, radius_BP, radius_BP[:, :1])
        return object_mask * (1 - paint_strokes(point_BP2, point_BP2, radius_BP, object_mask))


class MixedDegradation(MaskDegradation):
    """One of several degradations, chosen for each sample.

    Args:
        degradations: those to choose from; `NoDegradation` among them keeps a share as it is.
        weights: how often each is chosen, in any unit; None for equally often.

    Raises:
        SettingError: there is no degradation, or the weights do not fit.
    """

    def __init__(self, degradations: list[MaskDegradation], weights: list[float] | None = None) -> None:
        super().__init__()
        checked_weights("MixedDegradation", "degradations", len(degradations), weights)
        self.degradations = degradations
        self.weights = weights

    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        weights = checked_weights("MixedDegradation", "degradations", len(self.degradations), self.weights)
        choice_B = draw_choice(weights, key, "degradation.choice")
        return apply_chosen(self.degradations, choice_B, object_mask, key_of_its_own(key, "degradation.chosen"))


def _centres_of_mass(mask: Tensor) -> Tensor:
    """(B, 2) float32: x and y, from whole numbers, so that they are the same in every batch and on every machine."""
    ones = mask[:, 0] > 0
    centre = []
    for counts in (ones.sum(dim=1), ones.sum(dim=2)):
        place = torch.arange(counts.shape[1], device=mask.device)
        centre.append((counts * place).sum(dim=1) / counts.sum(dim=1))
    return torch.stack(centre, dim=1)
