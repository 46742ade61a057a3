"""The paper's selection with one step of it changed; the last change is a mistake."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.selection import TokenSelector
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Selection, TokenFeatures


class Tempered(TokenSelector):
    """As `CosineDistance`, the similarities divided by a temperature before the softmax.

    Args:
        k: how many tokens to choose, 1 to N.
        subject_only: choose among the tokens that touch the subject first.
        temperature: 1 is the paper's; below it only the most similar tokens count.
    """

    def __init__(self, k: int = 24, subject_only: bool = False, temperature: float = 0.1) -> None:
        super().__init__(k, subject_only)
        self.temperature = temperature

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        given_BNN = (_cosines(features) / self.temperature).softmax(2)
        return rank(given_BNN.sum(1), features, self.k, subject_only=self.subject_only)


class OthersOnly(TokenSelector):
    """As `CosineDistance`, no token being compared with itself.

    Args:
        k: how many tokens to choose, 1 to N.
        subject_only: choose among the tokens that touch the subject first.
    """

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        similarity_BNN = _cosines(features)
        itself_NN = torch.eye(similarity_BNN.shape[1], dtype=torch.bool, device=similarity_BNN.device)
        given_BNN = similarity_BNN.masked_fill(itself_NN, -torch.inf).softmax(2)
        return rank(given_BNN.sum(1), features, self.k, subject_only=self.subject_only)


class RowSums(TokenSelector):
    """As `CosineDistance`, but for a mistake: rows of the softmax are summed in place of columns.

    Every row sums to 1, so the scores differ by rounding alone and rank nothing. It is here to be told apart.

    Args:
        k: how many tokens to choose, 1 to N.
        subject_only: choose among the tokens that touch the subject first.
    """

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        given_BNN = _cosines(features).softmax(2)
        return rank(given_BNN.sum(2), features, self.k, subject_only=self.subject_only)


@torch.no_grad()
def _cosines(features: TokenFeatures) -> Tensor:
    """(B, N, N) float32."""
    with torch.autocast(features.tokens.device.type, enabled=False):
        unit_BND = F.normalize(features.tokens.float(), dim=2)
        return unit_BND @ unit_BND.mT
