"""Selection by attention, after Abnar & Zuidema, "Quantifying Attention Flow in Transformers" (2020)."""

import torch
from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.selection.base import TokenSelector
from dreaminpainter.selection.ranking import rank
from dreaminpainter.types import Selection, TokenFeatures


class AttentionRollout(TokenSelector):
    """Keeps the K tokens that attract most attention across the layers that were read.

    An alternative to the paper's selection. Each layer's attention (mean over heads) becomes 0.5 A + 0.5 I, for the
    residual connection; rows are normalised again, and the layers are multiplied, the first layer rightmost. Row i of
    the product says how much each input token flows into output token i. A token's score is its entry in the class
    token's row, or, without a class token (our choice), the mean of its column.

    Args:
        k: how many tokens to choose, 1 to the number of spatial tokens.
        subject_only: choose among the tokens that touch the subject first; tokens on white are taken only where the
            subject has fewer than `k`.

    Example:
        >>> from dreaminpainter.types import TokenFeatures
        >>> attentions = torch.tensor([[0.1, 0.9], [0.1, 0.9]]).expand(1, 3, 2, 2)
        >>> features = TokenFeatures(torch.zeros(1, 2, 8), grid=(1, 2), attentions=attentions)
        >>> AttentionRollout(k=1)(features).indices
        tensor([[1]])
    """

    needs_attentions = True

    def __init__(self, k: int = 24, subject_only: bool = False) -> None:
        super().__init__(k, subject_only)

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        if features.attentions is None:
            raise SettingError(
                "AttentionRollout reads self-attention maps, and the extractor returned none. Use an extractor that "
                "records them (record_attentions), or a selector that needs none, such as CosineDistance."
            )
        scores = rollout(features.attentions, features.has_class_token)
        return rank(scores, features, self.k, descending=True, subject_only=self.subject_only)


@torch.no_grad()
def rollout(attentions_BLNN: Tensor, has_class_token: bool) -> Tensor:
    """(B, N) float32: the class token's row of the product of all layers, or the mean over the product's rows.

    Only one row of the product is asked for, so a row vector is carried from the last layer down to the first, which
    costs L N² in place of L N³.
    """
    batch, _, count, _ = attentions_BLNN.shape
    with torch.autocast(attentions_BLNN.device.type, enabled=False):
        identity_NN = torch.eye(count, device=attentions_BLNN.device)
        if has_class_token:
            flow_B1N = identity_NN[:1].expand(batch, 1, count)
        else:
            flow_B1N = torch.full((batch, 1, count), 1 / count, device=attentions_BLNN.device)
        for attention_BNN in attentions_BLNN.float().unbind(1)[::-1]:
            mixed_BNN = 0.5 * attention_BNN + 0.5 * identity_NN
            flow_B1N = flow_B1N @ (mixed_BNN / mixed_BNN.sum(dim=2, keepdim=True))
        return flow_B1N[:, 0]
