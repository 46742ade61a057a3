"""What every token selector is, and the one way in which chosen tokens are gathered."""

import copy
from abc import ABC, abstractmethod
from typing import Self

from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.types import Selection, TokenFeatures


class TokenSelector(Component, nn.Module, ABC):
    """Chooses the K of N reference tokens that stand for the subject.

    Args:
        k: how many tokens to choose, 1 to N.
        subject_only: choose among the tokens that touch the subject first (`TokenFeatures.valid`); tokens on white are
            taken only where the subject has fewer than `k`. False is the paper's way.
    """

    needs_attentions: bool = False
    """Whether `forward` reads `TokenFeatures.attentions`; an extractor records them only then."""

    def __init__(self, k: int = 24, subject_only: bool = False) -> None:
        super().__init__()
        self.k = k
        self.subject_only = subject_only

    @abstractmethod
    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        """Chooses.

        Args:
            features: N tokens a sample.
            keys: (B,) int64, the samples' keys; only a random selector reads them.
        """

    def with_k(self, k: int) -> Self:
        """A copy that chooses `k` tokens, as for the strip over K of the paper's Fig. 7."""
        other = copy.copy(self)
        other.k = k
        return other


def gather(tokens_BND: Tensor, indices_BK: Tensor) -> Tensor:
    """(B, K, D): the tokens at `indices_BK`. Gradients flow to the tokens; the indices have none."""
    return tokens_BND.gather(1, indices_BK[..., None].expand(-1, -1, tokens_BND.shape[-1]))
