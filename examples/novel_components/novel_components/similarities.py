"""The paper's selection with other similarities than the cosine, and with its order turned round."""

import torch
from torch import Tensor

from dreaminpainter.selection import TokenSelector
from dreaminpainter.selection.cosine import received_similarity
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Selection, TokenFeatures


class DotProduct(TokenSelector):
    """As `CosineDistance`, with the dot product over the root of the width: long tokens are like many.

    Args:
        k: how many tokens to choose, 1 to N.
        subject_only: choose among the tokens that touch the subject first.
    """

    @torch.no_grad()
    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        tokens_BND = features.tokens.float()
        similarity_BNN = tokens_BND @ tokens_BND.mT / tokens_BND.shape[2] ** 0.5
        return rank(similarity_BNN.softmax(2).sum(1), features, self.k, subject_only=self.subject_only)


class EuclideanDistance(TokenSelector):
    """As `CosineDistance`, with the negative distance over the root of the width.

    Args:
        k: how many tokens to choose, 1 to N.
        subject_only: choose among the tokens that touch the subject first.
    """

    @torch.no_grad()
    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        tokens_BND = features.tokens.float()
        similarity_BNN = -torch.cdist(tokens_BND, tokens_BND) / tokens_BND.shape[2] ** 0.5
        return rank(similarity_BNN.softmax(2).sum(1), features, self.k, subject_only=self.subject_only)


class MostTypical(TokenSelector):
    """The scores of `CosineDistance`, the highest first: the tokens that are most like all others.

    Args:
        k: how many tokens to choose, 1 to N.
        subject_only: choose among the tokens that touch the subject first.
    """

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        scores = received_similarity(features.tokens)
        return rank(scores, features, self.k, descending=True, subject_only=self.subject_only)
