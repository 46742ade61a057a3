"""Is it the same subject?"""

import torch
from torch import Tensor

from dreaminpainter.evaluation.encoders import DINOEncoder, ImageEncoder
from dreaminpainter.evaluation.metrics.base import Column, Crop, SampleMetric
from dreaminpainter.evaluation.samples import Sample


class Identity(SampleMetric):
    """Cosine of the angle between the fill's embedding and the reference's: DINO-I, CLIP-I.

    Once of the hole alone, white around it, and the cut-out on white; once, `unmasked`, of the crop with what is around
    the hole and the reference as it was photographed, as most tables of the literature have it.

    Args:
        encoder: what embeds; a `DINOEncoder` heeds the subject's detail more than CLIP does.
        crop: which part of the fill.
    """

    def __init__(self, encoder: ImageEncoder | None = None, crop: Crop | None = None) -> None:
        self.encoder = encoder or DINOEncoder()
        self.crop = crop or Crop()
        super().__init__()

    @property
    def columns(self) -> list[Column]:
        return [Column(f"{self.encoder.label}-I"), Column(f"{self.encoder.label}-I unmasked")]

    def encoders(self) -> list[ImageEncoder]:
        return [self.encoder]

    def score(self, samples: list[Sample]) -> Tensor:
        masked = self._alike(
            [self.crop.hole_of(one.fill, one.mask) for one in samples],
            [self.crop.whole(one.cut_out) for one in samples],
        )
        unmasked = self._alike(
            [self.crop.of(one.fill, one.mask) for one in samples],
            [self.crop.whole(one.reference) for one in samples],
        )
        return torch.stack([masked, unmasked], dim=1)

    def _alike(self, fills: list[Tensor], references: list[Tensor]) -> Tensor:
        return (self.encoder.embed(fills) * self.encoder.embed(references)).sum(1)
