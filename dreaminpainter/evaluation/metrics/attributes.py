"""What a drawn critter shows, attribute by attribute."""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.critters.attributes import IDENTITY, VALUES
from dreaminpainter.evaluation.encoders import ImageEncoder, ProbeEncoder
from dreaminpainter.evaluation.metrics.base import Column, SampleMetric
from dreaminpainter.evaluation.samples import Sample

FOLLOWED = ("hat", "mouth", "pose")
"""What the text tells of the critter itself; the ride is counted apart."""


class Attributes(SampleMetric):
    """Shares of a drawn critter's attributes that the probes see in the fill, 0 to 1; NaN where they are not known.

    `reference`: body, palette, pattern, eyes and marks, which the reference alone tells; `text`: hat, mouth and pose,
    which the prompt alone tells; `ride`, the prompt too; `both`: the share of pairs of one of each kind of which both
    are right, where the reference shows another hat, mouth and pose than the prompt asks for; `copied`: of what the
    reference shows and the prompt contradicts, the share that the fill shows as the reference does; and each alone.

    Args:
        probes: folder of the probes, or the packaged ones.
    """

    def __init__(self, probes: str = "critters-probes") -> None:
        self.probes = probes
        super().__init__()

    @property
    def columns(self) -> list[Column]:
        return [
            *(Column(name) for name in ("reference", "text", "ride", "both")),
            Column("copied", "lower"),
            *(Column(name) for name in (*IDENTITY, *FOLLOWED)),
        ]

    def encoders(self) -> list[ImageEncoder]:
        return [self._encoder]

    @cached_property
    def _encoder(self) -> ImageEncoder:
        return ProbeEncoder(self.probes)

    def score(self, samples: list[Sample]) -> Tensor:
        return torch.stack([self._of(one) for one in samples])

    def _of(self, one: Sample) -> Tensor:
        asked, shown = one.case.attributes, one.case.shown
        names = (*IDENTITY, *FOLLOWED, "ride")
        if not all(asked.get(name) in VALUES[name] for name in names):
            return torch.full((len(self.columns),), torch.nan)
        right = self._seen(one, {name: asked[name] for name in names})
        reference = sum(right[name] for name in IDENTITY) / len(IDENTITY)
        text = sum(right[name] for name in FOLLOWED) / len(FOLLOWED)
        both = reference * text if one.case.kind == "contradiction" else float("nan")
        known = [name for name in FOLLOWED if shown.get(name) in VALUES[name]]
        against = {name: shown[name] for name in known if shown[name] != asked[name]}
        copied = sum(self._seen(one, against).values()) / len(against) if against else float("nan")
        alone = (right[name] for name in (*IDENTITY, *FOLLOWED))
        return torch.tensor([reference, text, right["ride"], both, copied, *alone])

    def _seen(self, one: Sample, values: dict[str, str]) -> dict[str, float]:
        """Of each attribute 1 where the fill shows this value, else 0."""
        network: Any = self._encoder.network
        codes = {name: torch.tensor([VALUES[name].index(value)]) for name, value in values.items()}
        picture = one.fill[None].to(self._encoder.device) * 2 - 1
        return {name: float(seen) for name, seen in network.right(picture, boxes_of(one.mask[None]), codes).items()}
