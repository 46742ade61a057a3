"""Is everything else as it was, and does the fill's edge show?"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from dreaminpainter.evaluation.metrics.base import Column, SampleMetric
from dreaminpainter.evaluation.samples import Sample

IDENTICAL = 100.0
"""dB; what stands for the infinite ratio of two equal pictures, so that means stay numbers."""


class Background(SampleMetric):
    """What changed outside the hole: greatest difference of 255, PSNR in dB and SSIM.

    A PSNR of 100 stands for no change, and is the most. SSIM is of whole windows: torchmetrics' map, averaged over the
    pixels whose window of 11 lies outside the hole.
    """

    @property
    def columns(self) -> list[Column]:
        return [
            Column("background max", "lower", 0),
            Column("background PSNR", digits=1),
            Column("background SSIM", digits=4),
        ]

    def score(self, samples: list[Sample]) -> Tensor:
        return torch.stack([self._of(one) for one in samples])

    def _of(self, one: Sample) -> Tensor:
        outside = one.mask[0] < 0.5
        if not outside.any():
            return torch.full((3,), torch.nan)
        before, after = one.scene[:, outside], one.fill[:, outside]
        greatest = ((before - after).abs().max() * 255).round()
        ratio = peak_signal_noise_ratio(after, before, data_range=1.0).clamp(max=IDENTICAL)
        return torch.stack([greatest, ratio, self._structure(one)])

    def _structure(self, one: Sample) -> Tensor:
        far = F.max_pool2d(one.mask[None], 11, stride=1, padding=5)[0, 0] < 0.5
        if not far.any():
            return torch.tensor(torch.nan)
        found = structural_similarity_index_measure(
            one.fill[None], one.scene[None], data_range=1.0, return_full_image=True
        )
        similarity: Tensor = found[1][0]
        return similarity[:, far].mean()


class Seam(SampleMetric):
    """How visible the fill's edge is: how much more the colour steps there than just inside and outside of it.

    The mean absolute difference of neighbouring pixels, 0 to 255, of which one lies in the hole and the other does not,
    less the mean of that between neighbours two pixels further in and further out; our own measure. About 0 for a
    photograph, above for a seam; below where the edge is smoother than what is beside it, which is no better than 0.
    """

    @property
    def columns(self) -> list[Column]:
        return [Column("seam", "lower", 2)]

    def score(self, samples: list[Sample]) -> Tensor:
        return torch.tensor([[self._of(one)] for one in samples])

    def _of(self, one: Sample) -> float:
        across, near = [], []
        for along in (1, 2):
            step = one.fill.diff(dim=along).abs().mean(0) * 255
            cut = one.mask[0].diff(dim=along - 1).abs() > 0.5
            beside = torch.zeros_like(cut)
            for shift in (-2, 2):
                beside |= cut.roll(shift, along - 1)
            # What rolls over the picture's border lies at the other one, and is no neighbour.
            edge = [slice(None), slice(None)]
            edge[along - 1] = slice(2, -2)
            inner = torch.zeros_like(cut)
            inner[tuple(edge)] = True
            across.append(step[cut])
            near.append(step[beside & inner & ~cut])
        steps, others = torch.cat(across), torch.cat(near)
        if not len(steps) or not len(others):
            return float("nan")
        return float(steps.mean() - others.mean())
