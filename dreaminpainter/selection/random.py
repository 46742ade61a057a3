"""Selection by lot: the control that any selection has to beat."""

from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform
from dreaminpainter.selection.base import TokenSelector
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Selection, TokenFeatures


class RandomTokens(TokenSelector):
    """Keeps K tokens drawn from the sample's key: the same sample always gives the same tokens.

    Args:
        k: how many tokens to choose, 1 to the number of spatial tokens.
        subject_only: draw among the tokens that touch the subject first; tokens on white are taken only where the
            subject has fewer than `k`.

    Example:
        >>> import torch
        >>> from dreaminpainter.types import TokenFeatures
        >>> features = TokenFeatures(torch.zeros(2, 16, 8), grid=(4, 4))
        >>> RandomTokens(k=3)(features, keys=torch.tensor([5, 6])).indices.shape
        torch.Size([2, 3])
    """

    def __init__(self, k: int = 24, subject_only: bool = False) -> None:
        super().__init__(k, subject_only)

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        if keys is None:
            raise SettingError(
                "RandomTokens draws from the samples' keys, and none were given. Pass keys (B,), or use a selector "
                "that draws nothing, such as CosineDistance."
            )
        keys = keys.to(features.tokens.device, non_blocking=True)
        scores = uniform(keys, (features.tokens.shape[1],), "random tokens")
        return rank(scores, features, self.k, subject_only=self.subject_only)
