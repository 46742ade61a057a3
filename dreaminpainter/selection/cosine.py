"""The paper's selection: the tokens that are least like all others."""

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from dreaminpainter.selection.base import TokenSelector
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Selection, TokenFeatures

HELD = 2**20
"""Similarities that are in memory at a time: with their softmax 8 MB, those of a reference of 1024 tokens."""


class CosineDistance(TokenSelector):
    """Keeps the K tokens that receive the least similarity from all tokens (eq. 3-4).

    The paper says "distance" for what its eq. 3 defines as cosine similarity. Each row of similarities goes through a
    softmax; a token's score is its **column** sum, what all tokens give to it. (Every row sums to 1, so row sums would
    rank nothing.) A low score marks a token unlike the others, so the lowest K are kept.

    Our choice, where the paper is silent: float32 whatever the surrounding autocast, since scores of 1024 tokens lie
    within about 0.6 to 1.13, and a stable order of equal scores. Similarity is taken over all N tokens, a class token
    and the white background included, also with `subject_only`: that setting narrows the choice, not the comparison.

    Args:
        k: how many tokens to choose, 1 to the number of spatial tokens; 24 is told by a reviewer of the paper.
        subject_only: choose among the tokens that touch the subject first; tokens on white are taken only where the
            subject has fewer than `k`. False is the paper's way.

    Example:
        >>> from dreaminpainter.types import TokenFeatures
        >>> tokens = torch.tensor([[[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.0, 0.0]]])
        >>> CosineDistance(k=1)(TokenFeatures(tokens, grid=(2, 2))).indices
        tensor([[2]])
    """

    def __init__(self, k: int = 24, subject_only: bool = False) -> None:
        super().__init__(k, subject_only)

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        scores = received_similarity(features.tokens)
        return rank(scores, features, self.k, subject_only=self.subject_only)


@torch.no_grad()
def received_similarity(tokens_BND: Tensor, held: int = HELD) -> Tensor:
    """How much softmax-normalised cosine similarity each token receives from all (s of eq. 4).

    Rows of similarities are made a block at a time, give their shares to the columns, and are forgotten: memory grows
    with N, and not with N².

    Args:
        tokens_BND: (B, N, D), of any precision.
        held: how many similarities are in memory at a time, at least one row of them.

    Returns:
        (B, N) float32.

    Example:
        >>> tokens = torch.tensor([[[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.0, 0.0]]])
        >>> received_similarity(tokens).argmin(), received_similarity(tokens, held=4).argmin()
        (tensor(2), tensor(2))
    """
    batch, count, _ = tokens_BND.shape
    samples = min(batch, max(1, held // count**2))
    rows = min(count, max(1, held // (samples * count)))
    with torch.autocast(tokens_BND.device.type, enabled=False):
        if samples == batch:
            return _received(tokens_BND, rows)
        return torch.cat([_received(some_BND, rows) for some_BND in torch.split(tokens_BND, samples)])


def _received(tokens_BND: Tensor, rows: int) -> Tensor:
    unit_BND = F.normalize(tokens_BND.float(), dim=2)
    return reduce(torch.add, (_given(block_BRD, unit_BND) for block_BRD in torch.split(unit_BND, rows, dim=1)))


def _given(unit_BRD: Tensor, unit_BND: Tensor) -> Tensor:
    """(B, N): what a block of R tokens gives to each of all N."""
    similarity_BRN = unit_BRD @ unit_BND.mT  # eq. 3
    given_BRN = similarity_BRN.softmax(dim=2)  # eq. 4: what the row's token gives to each column's
    return given_BRN.sum(dim=1)
