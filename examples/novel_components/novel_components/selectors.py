"""A token selector of one's own."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.selection import TokenSelector
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Selection, TokenFeatures


class FarthestPoints(TokenSelector):
    """Chooses tokens one by one, each as unlike those chosen before as can be (farthest point sampling).

    The score of a token is its place in that order; the first one is the least like the mean of all.

    Args:
        k: how many tokens to choose, 1 to N.
    """

    def __init__(self, k: int = 24) -> None:
        super().__init__(k)

    @torch.no_grad()
    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        first = int(features.has_class_token)
        tokens_BND = F.normalize(features.tokens[:, first:].float(), dim=-1)
        batch, count, width = tokens_BND.shape
        scores_BN = tokens_BND.new_full((batch, count), count)
        # What the next token shall be unlike: the mean at first, then the nearest of those chosen.
        likeness_BN = (tokens_BND @ tokens_BND.mean(1)[..., None])[..., 0]
        for place in range(min(self.k, count)):
            chosen_B1 = likeness_BN.argmin(dim=1, keepdim=True)
            scores_BN.scatter_(1, chosen_B1, place)
            chosen_B1D = tokens_BND.gather(1, chosen_B1[..., None].expand(-1, -1, width))
            similar_BN = (tokens_BND @ chosen_B1D.mT)[..., 0]
            likeness_BN = similar_BN if place == 0 else torch.maximum(likeness_BN, similar_BN)
            likeness_BN = likeness_BN.masked_fill(scores_BN < count, torch.inf)
        return rank(F.pad(scores_BN, (first, 0)), features, self.k)
