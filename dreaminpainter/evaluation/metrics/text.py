"""Does it do what the text says?"""

import torch
from torch import Tensor

from dreaminpainter.evaluation.cases import Case
from dreaminpainter.evaluation.encoders import CLIPEncoder, ImageEncoder, TextImageEncoder
from dreaminpainter.evaluation.metrics.base import Column, Crop, SampleMetric
from dreaminpainter.evaluation.samples import Sample


class TextAlignment(SampleMetric):
    """Cosine of the angle between the fill's embedding and the prompt's: CLIP-T, of the crop and of the whole picture.

    Args:
        encoder: what embeds pictures and texts.
        crop: which part of the fill.
    """

    def __init__(self, encoder: TextImageEncoder | None = None, crop: Crop | None = None) -> None:
        self.encoder = encoder or CLIPEncoder()
        self.crop = crop or Crop()
        super().__init__()

    @property
    def columns(self) -> list[Column]:
        return [Column(f"{self.encoder.label}-T"), Column(f"{self.encoder.label}-T whole")]

    def encoders(self) -> list[ImageEncoder]:
        return [self.encoder]

    def score(self, samples: list[Sample]) -> Tensor:
        texts = self.encoder.embed_texts([one.case.prompt for one in samples])
        crops = self.encoder.embed([self.crop.of(one.fill, one.mask) for one in samples])
        wholes = self.encoder.embed([self.crop.whole(one.fill) for one in samples])
        return torch.stack([(crops * texts).sum(1), (wholes * texts).sum(1)], dim=1)


class EditDirection(SampleMetric):
    """Directional similarity (Gal et al. 2021, StyleGAN-NADA, eq. 2): does the picture change as the text changes?

    The cosine between the step from the reference's embedding to the fill's and the step from that of "a photo of a"
    and the class name to the prompt's. Cases of the kind "identity", and others whose prompt is the class name, have
    none: their text asks for no change.

    Args:
        encoder: what embeds pictures and texts.
        crop: which part of the fill.
    """

    def __init__(self, encoder: TextImageEncoder | None = None, crop: Crop | None = None) -> None:
        self.encoder = encoder or CLIPEncoder()
        self.crop = crop or Crop()
        super().__init__()

    @property
    def columns(self) -> list[Column]:
        return [Column(f"{self.encoder.label} direction")]

    def encoders(self) -> list[ImageEncoder]:
        return [self.encoder]

    def score(self, samples: list[Sample]) -> Tensor:
        before = self.encoder.embed_texts([f"a photo of a {one.case.class_name}" for one in samples])
        text = self.encoder.embed_texts([one.case.prompt for one in samples]) - before
        fills = self.encoder.embed([self.crop.of(one.fill, one.mask) for one in samples])
        picture = fills - self.encoder.embed([self.crop.whole(one.reference) for one in samples])
        cosines = torch.cosine_similarity(picture, text, dim=1)
        return cosines.where(torch.tensor([_asks_for_change(one.case) for one in samples]), torch.nan)[:, None]


def _asks_for_change(case: Case) -> bool:
    return case.kind != "identity" and case.prompt.strip().casefold() != case.class_name.casefold()
