"""Another number of tokens, and another way to choose them, at each training step."""

from torch import Tensor, nn

from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import integers
from dreaminpainter.selection.base import TokenSelector
from dreaminpainter.types import Selection, TokenFeatures


class VariedSelection(TokenSelector):
    """Trains one network for many K and several selections, so that either can be chosen when it fills.

    Our own, for experiments: the paper trains with one selection and one K. Each training batch draws one of the
    selectors and one K from its first sample's key; in evaluation the first selector chooses, with its own K.

    Args:
        selectors: one or more.
        ks: the numbers of tokens, each 1 to the number of spatial tokens.

    Raises:
        SettingError: there is no selector or no K.

    Example:
        >>> import torch
        >>> from dreaminpainter.selection import CosineDistance, RandomTokens
        >>> selector = VariedSelection([CosineDistance(k=2), RandomTokens()], ks=[1, 16])
        >>> features = TokenFeatures(torch.rand(2, 16, 8), grid=(4, 4))
        >>> selector(features, keys=torch.tensor([5, 6])).indices.shape[1] in (1, 16)
        True
        >>> selector.eval()(features).indices.shape
        torch.Size([2, 2])
    """

    def __init__(self, selectors: list[TokenSelector], ks: list[int]) -> None:
        if not selectors or not ks:
            raise SettingError("VariedSelection needs at least one of `selectors` and one of `ks`.")
        super().__init__(selectors[0].k, selectors[0].subject_only)
        self.ks = ks
        self.needs_attentions = any(one.needs_attentions for one in selectors)
        self._members = nn.ModuleList(selectors)

    @property
    def selectors(self) -> list[TokenSelector]:
        """Those among which it draws."""
        return [one for one in self._members if isinstance(one, TokenSelector)]

    def forward(self, features: TokenFeatures, keys: Tensor | None = None) -> Selection:
        chosen, k = self.selectors[0], self.k
        if self.training:
            if keys is None:
                raise SettingError("VariedSelection draws from the samples' keys in training, and none were given.")
            chosen = self.selectors[_drawn(keys, len(self.selectors), "varied selector")]
            k = self.ks[_drawn(keys, len(self.ks), "varied k")]
        selection: Selection = (chosen if k == chosen.k else chosen.with_k(k))(features, keys)
        return selection


def _drawn(keys: Tensor, count: int, stream: str) -> int:
    return int(integers(keys[:1], 0, count, (), stream))
