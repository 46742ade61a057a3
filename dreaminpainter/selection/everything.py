"""No selection: every token stands for the subject."""

from typing import Self

import torch
from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.selection.base import TokenSelector
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Selection, TokenFeatures


class AllTokens(TokenSelector):
    """Keeps all spatial tokens, row by row.

    The paper's Fig. 3 shows what training on all tokens gives: the reference is copied and pasted. There is nothing to
    choose, so `k` is None and all scores are 0.

    Example:
        >>> from dreaminpainter.types import TokenFeatures
        >>> AllTokens()(TokenFeatures(torch.zeros(1, 4, 8), grid=(2, 2))).indices
        tensor([[0, 1, 2, 3]])
    """

    def __init__(self) -> None:
        super().__init__()
        self.k = None  # type: ignore[assignment]

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        tokens = features.tokens
        scores = torch.zeros(tokens.shape[:2], device=tokens.device)
        return rank(scores, features, k=tokens.shape[1] - int(features.has_class_token))

    def with_k(self, k: int) -> Self:
        """Refused.

        Raises:
            SettingError: always.
        """
        raise SettingError(
            f"AllTokens keeps every token and takes no k, but k = {k} was asked for. Leave k out, or use another "
            "selector, such as CosineDistance."
        )
