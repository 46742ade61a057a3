"""A token selector of one's own."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.selection import TokenSelector
from dreaminpainter.types import Selection, TokenFeatures


class FarthestPoints(TokenSelector):
    """Chooses tokens one by one, each as unlike those chosen before as can be (farthest point sampling).

    The score of a token is minus its place in the order, so the first ones are the best.

    Args:
        k: how many tokens to choose, 1 to N.
    """

    def __init__(self, k: int = 24) -> None:
        super().__init__(k)

    @torch.no_grad()
    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        tokens_BND = F.normalize(features.tokens.float(), dim=-1)
        batch, count, _ = tokens_BND.shape
        # The first one is the farthest from the mean of all.
        nearest_BN = tokens_BND @ F.normalize(tokens_BND.mean(1), dim=-1)[..., None]
        nearest_BN = nearest_BN[..., 0]
        scores_BN = torch.full((batch, count), -float(count), device=tokens_BND.device)
        chosen = []
        for place in range(self.k):
            pick_B1 = nearest_BN.argmin(dim=1, keepdim=True)
            chosen.append(pick_B1)
            scores_BN.scatter_(1, pick_B1, -float(place))
            similar_BN = tokens_BND @ tokens_BND.gather(1, pick_B1[..., None].expand(-1, -1, tokens_BND.shape[-1])).mT
            nearest_BN = torch.maximum(nearest_BN, similar_BN[..., 0])
        return Selection(indices=torch.cat(chosen, dim=1), scores=scores_BN)
