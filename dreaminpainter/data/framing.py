"""Crops a picture to the size that is trained on, together with the mask of its object.

Example:
    >>> import torch
    >>> image = torch.zeros(3, 60, 90, dtype=torch.uint8)
    >>> mask = torch.zeros(1, 60, 90, dtype=torch.bool)
    >>> mask[:, 20:40, 50:80] = True
    >>> dog = Instance(image, mask, "dog", (50, 20, 80, 40), [], "mine", "1")
    >>> framed = Framing()(dog, height=32, width=32, key=torch.tensor([5]))
    >>> framed.image.shape, bool(framed.object_mask.any())
    (torch.Size([3, 32, 32]), True)
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.components import Component
from dreaminpainter.cutout import boxes_of, resize_together
from dreaminpainter.data.sources.base import Instance
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform


@dataclass
class Framed:
    """A scene of the wanted size.

    Args:
        image: (3, height, width) uint8.
        object_mask: (1, height, width) float in {0, 1}, never empty.
        detail_mask: (1, height, width) float in {0, 1}, every pixel that a marked detail touches, which may be none
            in the crop; None where none were marked.
    """

    image: Tensor
    object_mask: Tensor
    detail_mask: Tensor | None = None

    @property
    def details(self) -> Tensor:
        """(1, height, width) float in {0, 1}: `detail_mask`, zero where none were marked."""
        return torch.zeros_like(self.object_mask) if self.detail_mask is None else self.detail_mask


class Framing(Component):
    """Crops and resizes instances so that the object takes a wanted share of the scene.

    The crop has the aspect of the wanted height and width, and its size is drawn between two limits. It is never
    smaller than what holds the whole object, gives it at most `max_share` of the area, and is no smaller than height x
    width, so that pixels are blown up only where the picture itself is smaller than asked for. It is never larger than
    the picture, and gives the object at least `min_share`, unless that contradicts the lower limit. Where not even the
    largest crop holds the whole object, it is placed to show most of it. All of this is our choice.

    Args:
        min_share: least share of the crop that the object takes, wherever it has pixels enough; 0 to `max_share`.
        max_share: greatest share, wherever the picture is large enough; above 0 and up to 1.

    Raises:
        SettingError: the shares are out of their range or in the wrong order.
    """

    def __init__(self, min_share: float = 0.0, max_share: float = 0.5) -> None:
        if not 0 <= min_share <= max_share <= 1 or max_share == 0:
            raise SettingError(
                "Framing needs 0 <= min_share <= max_share <= 1 and max_share above 0, "
                f"not {min_share} and {max_share}."
            )
        self.min_share = min_share
        self.max_share = max_share

    def __call__(self, instance: Instance, height: int, width: int, key: Tensor) -> Framed:
        """Crops and resizes an instance.

        Args:
            instance: the picture and its object.
            height: wanted height in pixels.
            width: wanted width in pixels.
            key: (1,) int64, the sample's key, which size and place are drawn from.

        Raises:
            InputError: the object's mask is empty.
        """
        box = boxes_of(instance.mask[None])[0].tolist()
        size = self._crop_size(instance.mask, box, width / height, width, float(uniform(key, (), "frame.size")))
        place = uniform(key, (2,), "frame.place")[0].tolist()
        top = _start(instance.mask[0], size[0], (box[1], box[3]), place[0])
        left = _start(instance.mask[0].T, size[1], (box[0], box[2]), place[1])
        window = (slice(None), slice(top, top + size[0]), slice(left, left + size[1]))
        image, object_mask = resize_together(instance.image[window], instance.mask[window], (height, width))
        if instance.detail_mask is None:
            return Framed(image, object_mask)
        # By max-pooling, as masks go to latents: details are the first that averages would lose.
        return Framed(image, object_mask, F.adaptive_max_pool2d(instance.detail_mask[window].float(), (height, width)))

    def _crop_size(
        self, mask: Tensor, box: list[int], aspect: float, wanted_width: int, drawn: float
    ) -> tuple[int, int]:
        """(height, width) of the crop, in whole pixels of the picture."""
        left, top, right, bottom = box
        picture_height, picture_width = mask.shape[1:]
        area = float(mask.count_nonzero())
        largest = min(float(picture_width), picture_height * aspect)
        for_max_share = math.sqrt(area / self.max_share * aspect)
        smallest = min(max(right - left, (bottom - top) * aspect, for_max_share, wanted_width), largest)
        if self.min_share:
            largest = max(smallest, _widest(area / self.min_share, aspect, largest))
        width = smallest + drawn * (largest - smallest)
        # Rounded up, so that neither the object nor the promise on its share is cut; less a little for float error.
        return (
            min(math.ceil(width / aspect - 1e-6), picture_height),
            min(math.ceil(width - 1e-6), picture_width),
        )


def _widest(area: float, aspect: float, largest: float) -> float:
    """The greatest width, up to `largest`, whose crop is no larger than `area` with both sides rounded up."""
    # (width + 1) (width / aspect + 1) = area, solved for the width.
    half = (1 + aspect) / 2
    return min(largest, math.sqrt(half**2 + aspect * max(area - 1, 0)) - half)


def _start(mask: Tensor, length: int, extent: tuple[int, int], drawn: float) -> int:
    """Where a crop of `length` begins along the first axis.

    Args:
        mask: (H, W) bool, true on the object.
        length: the crop's length.
        extent: the object's first position, and one past its last.
        drawn: uniform in [0, 1).
    """
    first = max(0, extent[1] - length)
    last = min(extent[0], len(mask) - length)
    if first <= last:
        return first + int(drawn * (last - first + 1))
    shown = F.pad(mask.sum(dim=1).cumsum(0), (1, 0))
    return int((shown[length:] - shown[:-length]).argmax())
