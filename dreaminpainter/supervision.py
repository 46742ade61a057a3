"""What the networks are to tell, where the truth is known: for backbones that are trained from nothing.

The paper starts from Stable Diffusion, whose features have learned from billions of pictures to tell one thing from
another. A small UNet trained from nothing has features that tell colours at first, and little else for long, since all
that it learns of the reference comes through the noise of another picture. Classifiers stand in for that missing
training. They are our choice, no part of the method, and nothing of them is used in sampling.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError

Values = dict[str, list[str]]
_UNKNOWN = -100
"""The class of a sample whose attribute is not known; torch's own, which its cross entropy leaves out."""


class AttributeSupervision(Component, nn.Module):
    """Trains the K projected tokens, and the UNet on its way up, to tell the subject's known attributes.

    What the reference shows is to be in its tokens; what is to be drawn, whether reference or text tell it, in the
    UNet's states after a block that reads both. The second is akin to what Yu et al. 2024 ("Representation Alignment
    for Generation") do with features of a trained encoder in place of labels.

    Args:
        tokens: values of each attribute that the reference tells; `{}` for none.
        states: values of each attribute of what is drawn; none by default.
        block: index of the up block after which states are read.
        weight: factor of each mean cross entropy beside the loss of the noise, 0 or more.

    Raises:
        SettingError: the weight is negative, an attribute has no values, or there is no attribute.

    Example:
        >>> from dreaminpainter.unet import SubjectUNet
        >>> unet = SubjectUNet(block_out_channels=(32, 64), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        ...     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=8, attention_head_dim=8)
        >>> supervision = AttributeSupervision(tokens={"eyes": ["beads", "cyclops"]}).build(unet)
        >>> loss = supervision({"tokens": torch.zeros(2, 24, 8)}, {"tokens": [{"eyes": "cyclops"}, {}]})
        >>> 0.04 < loss.item() < 0.1  # about 0.1 log(2) at first; nothing is known of the second sample
        True
    """

    def __init__(self, tokens: Values, states: Values | None = None, block: int = 0, weight: float = 0.1) -> None:
        super().__init__()
        if not weight >= 0:
            raise SettingError(f"The weight of the supervision is {weight}. Set it to 0 or more.")
        for values in (tokens, states or {}):
            if not all(values.values()):
                raise SettingError(f"The supervision has the values {values}. Name those of each attribute.")
        if not tokens and not states:
            raise SettingError("The supervision has nothing to tell. Name attributes of tokens, states or both.")
        self.tokens = tokens
        self.states = states
        self.block = block
        self.weight = weight

    def build(self, unet: Any) -> Self:
        """Makes the classifiers for `unet`; itself, for chaining.

        Raises:
            SettingError: it has no such block.
        """
        widths = unet.config.block_out_channels[::-1]
        if not 0 <= self.block < len(widths):
            raise SettingError(f"The UNet has the up blocks 0 to {len(widths) - 1}, and no block={self.block}.")
        wanted = {"tokens": (self.tokens, unet.config.cross_attention_dim), "states": (self.states, widths[self.block])}
        self.readers = nn.ModuleDict(
            {on: AttributeReader(values, width) for on, (values, width) in wanted.items() if values}
        )
        return self

    @contextmanager
    def watching(self, unet: Any) -> Iterator[dict[str, Tensor]]:
        """Within it, each pass of `unet` leaves its states (R, h * w, C) under `states`, where they are wanted."""
        seen: dict[str, Tensor] = {}
        if not self.states:
            yield seen
            return
        hook = unet.up_blocks[self.block].register_forward_hook(
            lambda module, given, output: seen.update(states=output.flatten(2).mT)
        )
        try:
            yield seen
        finally:
            hook.remove()

    def forward(self, seen: dict[str, Tensor], attributes: dict[str, list[dict[str, str]]]) -> Tensor:
        """The weighted loss, a scalar; 0 where nothing is known of any sample.

        Args:
            seen: `tokens` (B, K, D), and `states` (R, h * w, C) where they are wanted.
            attributes: under the same names, what is known of each row; what is left out is not counted.

        Raises:
            SettingError: a value that is not among those of its attribute.
        """
        return self.weight * torch.stack([reader(seen[on], attributes[on]) for on, reader in self._readers()]).sum()

    def measure(self, seen: dict[str, Tensor], attributes: dict[str, list[dict[str, str]]]) -> dict[str, MeanMetric]:
        """The share of rows of which each attribute is told, as `tokens_tell_body`, since the metric's last reset."""
        return {
            f"{on}_tell_{name}": told
            for on, reader in self._readers()
            for name, told in reader.measure(seen[on], attributes[on]).items()
        }

    def _readers(self) -> Iterator[tuple[str, "AttributeReader"]]:
        return cast(Iterator[tuple[str, AttributeReader]], iter(self.readers.items()))


class AttributeReader(nn.Module):
    """A classifier for each attribute, which looks at a set of vectors as attention does: with one learned query.

    What it draws together goes through one linear layer, so what it can tell is there for other attention to find.

    Args:
        values: each attribute's values.
        width: of the vectors.
    """

    def __init__(self, values: Values, width: int) -> None:
        super().__init__()
        self.values = values
        self.queries = nn.Parameter(torch.zeros(len(values), width))
        self.classifiers = nn.ModuleList(_zeroed(nn.Linear(width, len(choices))) for choices in values.values())
        self.told = nn.ModuleList(MeanMetric() for _ in values)

    def forward(self, vectors_BND: Tensor, attributes: list[dict[str, str]]) -> Tensor:
        """The mean over attributes of each one's mean cross entropy."""
        entropies = [
            _mean_cross_entropy(logits, self._codes(name, attributes).to(logits.device))
            for name, logits in self.logits(vectors_BND).items()
        ]
        return torch.stack(entropies).mean()

    def logits(self, vectors_BND: Tensor) -> dict[str, Tensor]:
        """(B, values) of each attribute."""
        vectors_BND = vectors_BND.float()
        attention_BAN = (self.queries @ vectors_BND.mT / vectors_BND.shape[-1] ** 0.5).softmax(-1)
        read_BAD = attention_BAN @ vectors_BND
        return {
            name: classifier(read_BAD[:, place])
            for place, (name, classifier) in enumerate(zip(self.values, self.classifiers, strict=True))
        }

    @torch.no_grad()
    def measure(self, vectors_BND: Tensor, attributes: list[dict[str, str]]) -> dict[str, MeanMetric]:
        """Of each attribute the share of samples of which it is told."""
        told = dict(zip(self.values, cast(Iterable[MeanMetric], self.told), strict=True))
        for name, logits in self.logits(vectors_BND).items():
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
    total: Tensor = F.cross_entropy(logits.float(), codes, ignore_index=_UNKNOWN, reduction="sum")
    return total / known
