"""How the chosen tokens enter the UNet's cross-attention.

The paper draws an arrow from the token selection into the Up stack (Fig. 2) and does not tell how tokens meet the text.
Our choice: append them to the text tokens in the cross-attention of the up blocks (`UpBlocks`).
"""

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor, nn

from dreaminpainter.attention import DecoupledAttention, JoinedAttention, PlainAttention, SubjectContext
from dreaminpainter.components import Component
from dreaminpainter.unet import SubjectUNet


class Injection(Component, nn.Module, ABC):
    """Puts a processor on every attention layer of a UNet and makes what those layers read of the subject."""

    layers: tuple[str, ...] = ()
    """The cross-attention layers that read the subject; known once attached."""

    @abstractmethod
    def reads(self, layer: str) -> bool:
        """Whether the cross-attention layer of this name reads the subject."""

    @abstractmethod
    def processor(self, layer: str) -> PlainAttention:
        """The processor of a layer that reads the subject."""

    @abstractmethod
    def forward(self, tokens_BKD: Tensor) -> SubjectContext:
        """What every layer reads, computed once and used at all steps of a sampling.

        Args:
            tokens_BKD: (B, K, D), projected to the text's width.
        """

    def attach(self, unet: SubjectUNet) -> None:
        """Replaces the attention processors of `unet`; its weights are untouched."""
        plain = plain_processors(unet)
        names = [name.removesuffix(".processor") for name in plain]
        self.layers = tuple(name for name in names if name.endswith("attn2") and self.reads(name))
        unet.set_attn_processor(plain | {f"{name}.processor": self.processor(name) for name in self.layers})


class _Joined(Injection):
    def processor(self, layer: str) -> PlainAttention:
        return JoinedAttention(layer)

    def forward(self, tokens_BKD: Tensor) -> SubjectContext:
        return {layer: (tokens_BKD,) for layer in self.layers}


class UpBlocks(_Joined):
    """Subject tokens beside the text tokens in the up blocks' cross-attention (our reading of Fig. 2; the default)."""

    def reads(self, layer: str) -> bool:
        return layer.startswith("up_blocks")


class AllBlocks(_Joined):
    """Subject tokens beside the text tokens in every cross-attention layer (an alternative)."""

    def reads(self, layer: str) -> bool:
        return True


class DecoupledKeyValues(Injection):
    """Keys and values of the subject's own beside the text's, as IP-Adapter does (an alternative).

    Args:
        scale: weight of the subject's part against the text's, 0 and above.
        blocks: which cross-attention layers read the subject, those of the up blocks or all.
        widths: output width of each layer's projections and input width under "tokens"; found on the UNet when
            first attached, and given where weights are loaded without one.
    """

    def __init__(
        self, scale: float = 1.0, blocks: Literal["up", "all"] = "up", widths: dict[str, int] | None = None
    ) -> None:
        super().__init__()
        self.scale = scale
        self.blocks = blocks
        self.widths = widths
        self.keys = nn.ModuleDict()
        self.values = nn.ModuleDict()
        if widths is not None:
            self._make_projections(widths)

    def reads(self, layer: str) -> bool:
        return self.blocks == "all" or layer.startswith("up_blocks")

    def processor(self, layer: str) -> PlainAttention:
        return DecoupledAttention(layer, self.scale)

    def attach(self, unet: SubjectUNet) -> None:
        super().attach(unet)
        if self.widths is None:
            # Starting from the text's own projections, the subject speaks a language that the UNet knows.
            attentions = {layer: unet.get_submodule(layer) for layer in self.layers}
            self.widths = {layer: attn.to_k.out_features for layer, attn in attentions.items()}
            self.widths["tokens"] = unet.config.cross_attention_dim
            self._make_projections(self.widths)
            for layer, attn in attentions.items():
                self.keys[_key(layer)].load_state_dict(attn.to_k.state_dict())
                self.values[_key(layer)].load_state_dict(attn.to_v.state_dict())

    def forward(self, tokens_BKD: Tensor) -> SubjectContext:
        return {
            layer: (self.keys[_key(layer)](tokens_BKD), self.values[_key(layer)](tokens_BKD)) for layer in self.layers
        }

    def _make_projections(self, widths: dict[str, int]) -> None:
        for layer, width in widths.items():
            if layer != "tokens":
                self.keys[_key(layer)] = nn.Linear(widths["tokens"], width, bias=False)
                self.values[_key(layer)] = nn.Linear(widths["tokens"], width, bias=False)


def plain_processors(unet: SubjectUNet) -> dict[str, PlainAttention]:
    """For every attention layer of `unet`, the processor that reads no subject, under diffusers' name for it."""
    return {name: PlainAttention(name.removesuffix(".processor")) for name in unet.attn_processors}


def _key(layer: str) -> str:
    """A layer's name as a key of a ModuleDict, which takes no dots."""
    return layer.replace(".", "/")
