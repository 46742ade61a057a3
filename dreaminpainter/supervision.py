"""What subject tokens are to tell, where the truth is known: for backbones that are trained from nothing.

The paper starts from Stable Diffusion, whose features have learned from billions of pictures to tell one thing from
another. A small UNet trained from nothing has features that tell colours at first, and little else for long, since all
that it learns of the reference comes through the noise of another picture. Classifiers on the tokens stand in for that
missing training. They are our choice, no part of the method, and nothing of them is used in sampling.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError

_UNKNOWN = -100
"""The class of a sample whose attribute is not known; torch's own, which its cross entropy leaves out."""


class AttributeSupervision(Component, nn.Module):
    """Trains the K projected tokens to tell the subject's known attributes: the cross entropy of one classifier each.

    A classifier reads the tokens as the UNet will, by attention, with one learned query; what it draws together goes
    through one linear layer. So what it can tell is there for the UNet to find.

    Args:
        values: each attribute's values; those that a text tells, and the reference does not, have no place here.
        weight: factor of the mean cross entropy beside the loss of the noise, 0 or more.

    Raises:
        SettingError: the weight is negative, or there are no values.

    Example:
        >>> supervision = AttributeSupervision({"eyes": ["beads", "cyclops"]}).build(width=8)
        >>> loss = supervision(torch.zeros(2, 24, 8), [{"eyes": "cyclops"}, {}])  # nothing is known of the second
        >>> round(loss.item(), 2)  # 0.1 of the cross entropy of a coin
        0.07
    """

    def __init__(self, values: dict[str, list[str]], weight: float = 0.1) -> None:
        super().__init__()
        if not weight >= 0:
            raise SettingError(f"The weight of the supervision is {weight}. Set it to 0 or more.")
        if not values or not all(values.values()):
            raise SettingError(f"The supervision has values {values}. Name attributes, and the values of each.")
        self.values = values
        self.weight = weight

    def build(self, width: int) -> "AttributeSupervision":
        """Makes the classifiers of tokens of `width`; itself, for chaining."""
        self.queries = nn.Parameter(torch.zeros(len(self.values), width))
        self.classifiers = nn.ModuleList(_zeroed(nn.Linear(width, len(choices))) for choices in self.values.values())
        self.told = nn.ModuleDict({name: MeanMetric() for name in self.values})
        return self

    def forward(self, tokens_BKD: Tensor, attributes: list[dict[str, str]]) -> Tensor:
        """The weighted loss, a scalar; 0 where nothing is known of any sample.

        Args:
            tokens_BKD: the chosen tokens, projected.
            attributes: what is known of each sample; what is left out is not counted.

        Raises:
            SettingError: a value that is not among those of its attribute.
        """
        entropies = [
            _mean_cross_entropy(logits, self._codes(name, attributes).to(logits.device))
            for name, logits in self.logits(tokens_BKD).items()
        ]
        return self.weight * torch.stack(entropies).mean()

    def logits(self, tokens_BKD: Tensor) -> dict[str, Tensor]:
        """(B, values) of each attribute."""
        tokens_BKD = tokens_BKD.float()
        attention_BAK = (self.queries @ tokens_BKD.mT / tokens_BKD.shape[-1] ** 0.5).softmax(-1)
        read_BAD = attention_BAK @ tokens_BKD
        return {
            name: classifier(read_BAD[:, place])
            for place, (name, classifier) in enumerate(zip(self.values, self.classifiers, strict=True))
        }

    @torch.no_grad()
    def measure(self, tokens_BKD: Tensor, attributes: list[dict[str, str]]) -> dict[str, MeanMetric]:
        """Of each attribute the share of samples whose tokens tell it, over all since the metric was last reset."""
        told = cast(dict[str, MeanMetric], dict(self.told.items()))
        for name, logits in self.logits(tokens_BKD).items():
            codes = self._codes(name, attributes).to(logits.device)
            told[name].update((logits.argmax(1) == codes).float(), weight=(codes != _UNKNOWN).float())
        return told

    def _codes(self, name: str, attributes: list[dict[str, str]]) -> Tensor:
        return torch.tensor([_code(name, self.values[name], known.get(name)) for known in attributes])


def _zeroed(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    return layer


def _code(name: str, values: list[str], value: str | None) -> int:
    if value is None:
        return _UNKNOWN
    if value not in values:
        raise SettingError(
            f"A sample's {name} is {value!r}, which the supervision does not know. Add it to the values of {name} "
            f"in model.supervision, which are: {', '.join(values)}."
        )
    return values.index(value)


def _mean_cross_entropy(logits: Tensor, codes: Tensor) -> Tensor:
    # Not cross_entropy's own mean, which is NaN where nothing is known.
    known = (codes != _UNKNOWN).sum().clamp(min=1)
    total: Any = F.cross_entropy(logits.float(), codes, ignore_index=_UNKNOWN, reduction="sum")
    return total / known  # type: ignore[no-any-return]
