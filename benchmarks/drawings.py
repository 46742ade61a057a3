"""True drawings with holes and known attributes: what probes learn from, and what fills are measured on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.critters import draw_codes, draw_layout, draw_scene
from dreaminpainter.data.critters.attributes import Codes, Split
from dreaminpainter.data.masking import LooseBoxMask
from dreaminpainter.randomness import sample_key


@dataclass
class Drawings:
    """Scenes without references.

    Args:
        images: (B, 3, S, S) in [-1, 1].
        holes: (B, 1, S, S) in {0, 1}, a loose box around critter, hat and ride.
        codes: attribute name to (B,) int64.
    """

    images: Tensor
    holes: Tensor
    codes: Codes

    @property
    def boxes(self) -> Tensor:
        """(B, 4), the holes in pixels."""
        return boxes_of(self.holes)


class TrueDrawings(torch.utils.data.Dataset[Drawings]):
    """Batches of drawings.

    Args:
        size: side of a scene in pixels.
        split: whose identities.
        batches: how many batches there are.
        batch_size: drawings a batch.
        name: other names give other drawings.
    """

    def __init__(self, size: int, split: Split, batches: int, batch_size: int, name: str = "probes") -> None:
        self.size = size
        self.split = split
        self.batches = batches
        self.batch_size = batch_size
        self.name = name

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> Drawings:
        keys = torch.tensor([sample_key(index, self.name, self.split, str(row)) for row in range(self.batch_size)])
        codes, layout = draw_codes(keys, self.split), draw_layout(keys)
        # A few at a time, so that what they need stays within the processor's cache.
        scenes = [
            draw_scene({name: code[part] for name, code in codes.items()}, layout[part], self.size, supersample=1)
            for part in (slice(start, start + 4) for start in range(0, self.batch_size, 4))
        ]
        boxes = torch.cat([scene.subject_box for scene in scenes])
        return Drawings(torch.cat([scene.image for scene in scenes]), loose_holes(boxes, keys, self.size), codes)


def loose_holes(subject_boxes: Tensor, keys: Tensor, size: int) -> Tensor:
    """(B, 1, size, size): loose boxes, 1.2 to 1.8 times as large, around boxes (B, 4) in pixels."""
    line = torch.arange(size)
    left, top, right, bottom = subject_boxes[:, :, None].unbind(1)
    inside_x, inside_y = (line >= left) & (line < right), (line >= top) & (line < bottom)
    solid = (inside_y[:, None, :, None] & inside_x[:, None, None, :]).float()
    return LooseBoxMask(1.2, 1.8)(solid, keys)
