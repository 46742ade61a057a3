"""Attention processors of a stock diffusers UNet that let it read subject tokens.

Every attention layer gets one of these, because `cross_attention_kwargs` go to all layers and a processor that does not
know a keyword warns at each call. The keywords are `subject`, what each layer reads of the subject by layer name,
`record`, where attention is written down when somebody wants to look at it, and `kept`, where keys and values of text
and subject stay from one denoising step to the next.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

SubjectContext = dict[str, tuple[Tensor, ...]]
"""What each attention layer reads of the subject: its tokens, or keys and values already projected."""


@dataclass
class AttentionRecord:
    """Attention of one forward pass, by layer name in the order in which the layers ran.

    Args:
        self_attention: (B, N, N) each, mean over heads; rows sum to 1.
        self_attention_of: how the names of the layers begin whose self-attention is written down; by default all.
        subject_share: (B, N) each, the share of every query's attention that goes to subject tokens, 0 to 1.
    """

    self_attention: dict[str, Tensor] = field(default_factory=dict)
    self_attention_of: str = ""
    subject_share: dict[str, Tensor] = field(default_factory=dict)

    def share_in(self, hole: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        """(B,) for each layer that reads the subject: the mean of its share over the cells that the hole touches.

        Args:
            hole: (B, 1, H, W) in {0, 1}, of the picture's shape in any resolution; not empty.
            size: (h, w) of the UNet's input.
        """
        shares = {}
        for layer, share in self.subject_share.items():
            shrink = round((size[0] * size[1] / share.shape[1]) ** 0.5)
            grid = (-(-size[0] // shrink), -(-size[1] // shrink))
            cells = F.adaptive_max_pool2d(hole.to(share), grid).flatten(1)
            shares[layer] = (share * cells).sum(1) / cells.sum(1)
        return shares


class KeptContext:
    """Keys and values of text and subject, which are the same at all steps: projected by the first pass, then kept.

    An object and no plain dict, because hooks that offload a UNet copy the containers that it is called with.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[Tensor]] = {}

    def of(self, layer: str, project: Callable[[], list[Tensor]]) -> list[Tensor]:
        """What `project` gave for this layer when it was first asked for."""
        if layer not in self._parts:
            self._parts[layer] = project()
        return self._parts[layer]


class PlainAttention:
    """The stock attention: a layer's own tokens, or the text alone.

    Args:
        layer: the layer's name in the UNet.

    Attributes:
        slice_size: how many heads are computed at a time, to spare memory: a number, "auto" for half of them, "max" for
            one, None for all. diffusers' `enable_attention_slicing` sets it, through `SubjectUNet`.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.slice_size: int | str | None = None

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        subject: SubjectContext | None = None,
        record: AttentionRecord | None = None,
        kept: KeptContext | None = None,
    ) -> Tensor:
        """(B, N, C) in, (B, N, C) out, as diffusers calls a processor."""
        (query,) = split_heads(attn, attn.to_q(hidden_states))
        if encoder_hidden_states is None:
            key, value = split_heads(attn, attn.to_k(hidden_states), attn.to_v(hidden_states))
            if record is not None and self.layer.startswith(record.self_attention_of):
                record.self_attention[self.layer] = probabilities(query, key)
        else:
            key, value = self._once(kept, lambda: keys_and_values(attn, encoder_hidden_states))
        return project_out(attn, self._attend(query, key, value, additive_mask(attn, attention_mask, key)))

    def _once(self, kept: KeptContext | None, project: Callable[[], list[Tensor]]) -> list[Tensor]:
        return project() if kept is None else kept.of(self.layer, project)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """`attend`, as many heads at a time as `slice_size` says."""
        heads = query.shape[1]
        sizes: dict[int | str | None, int] = {None: heads, "auto": max(1, heads // 2), "max": 1}
        size = sizes.get(self.slice_size) or int(cast(int, self.slice_size))
        if size >= heads:
            return attend(query, key, value, mask)
        slices = [slice(start, start + size) for start in range(0, heads, size)]
        return torch.cat(
            [attend(query[:, s], key[:, s], value[:, s], None if mask is None else mask[:, s]) for s in slices], dim=1
        )


class JoinedAttention(PlainAttention):
    """Cross-attention to text and subject tokens in one softmax: the tokens are appended to the text's."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        subject: SubjectContext | None = None,
        record: AttentionRecord | None = None,
        kept: KeptContext | None = None,
    ) -> Tensor:
        """As `PlainAttention`; `subject[layer]` is ((B, K, D) tokens of the text's width,)."""
        if subject is None or encoder_hidden_states is None:
            return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        text, (tokens_BKD,) = encoder_hidden_states, subject[self.layer]

        def project() -> list[Tensor]:
            return keys_and_values(attn, torch.cat([text, tokens_BKD.to(text.dtype)], dim=1))

        (query,) = split_heads(attn, attn.to_q(hidden_states))
        key, value = self._once(kept, project)
        if attention_mask is not None:
            attention_mask = F.pad(attention_mask, (0, tokens_BKD.shape[1]))
        if record is not None:
            record.subject_share[self.layer] = probabilities(query, key)[..., -tokens_BKD.shape[1] :].sum(-1)
        return project_out(attn, self._attend(query, key, value, additive_mask(attn, attention_mask, key)))


class DecoupledAttention(PlainAttention):
    """Cross-attention to the text, plus `scale` times one to the subject with keys and values of its own.

    Source: IP-Adapter (Ye et al. 2023), eq. 5; an alternative here, not the paper's.

    Args:
        layer: the layer's name in the UNet.
        scale: weight of the subject's part.
    """

    def __init__(self, layer: str, scale: float) -> None:
        super().__init__(layer)
        self.scale = scale

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        subject: SubjectContext | None = None,
        record: AttentionRecord | None = None,
        kept: KeptContext | None = None,
    ) -> Tensor:
        """As `PlainAttention`; `subject[layer]` is ((B, K, C) keys, (B, K, C) values)."""
        if subject is None or encoder_hidden_states is None:
            return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        text, own = encoder_hidden_states, subject[self.layer]

        def project() -> list[Tensor]:
            from_text = keys_and_values(attn, text)
            return from_text + split_heads(attn, *(part.to(from_text[0].dtype) for part in own))

        (query,) = split_heads(attn, attn.to_q(hidden_states))
        text_key, text_value, key, value = self._once(kept, project)
        mask = additive_mask(attn, attention_mask, text_key)
        from_text = self._attend(query, text_key, text_value, mask)
        from_subject = self._attend(query, key, value)
        if record is not None:
            # Two softmaxes have no common share; the parts' lengths say how much of the output each one makes.
            text_norm, subject_norm = from_text.float().norm(dim=-1), self.scale * from_subject.float().norm(dim=-1)
            record.subject_share[self.layer] = (subject_norm / (text_norm + subject_norm).clamp_min(1e-12)).mean(1)
        return project_out(attn, from_text + self.scale * from_subject)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(query keyᵀ / √c) value, of (B, heads, N, c) each.

    Torch's fused attention, but for bfloat16 on a CPU without a mask while gradients are kept: its backward pass there
    takes several times as long as that of plain matrix products.
    """
    on_cpu = query.device.type == "cpu" and query.dtype == torch.bfloat16
    if mask is None and on_cpu and any(part.requires_grad for part in (query, key, value)):
        scale = query.shape[-1] ** -0.5
        weights: Tensor = (query @ key.mT * scale).softmax(-1, dtype=torch.bfloat16)
        return torch.matmul(weights, value)
    return F.scaled_dot_product_attention(query, key, value, mask)


def split_heads(attn: Any, *parts: Tensor) -> list[Tensor]:
    """Each (B, N, C) as (B, heads, N, C / heads)."""
    return [part.view(*part.shape[:2], attn.heads, -1).transpose(1, 2) for part in parts]


def keys_and_values(attn: Any, context: Tensor) -> list[Tensor]:
    """Keys and values of (B, T, D) tokens, (B, heads, T, c) each."""
    return split_heads(attn, attn.to_k(context), attn.to_v(context))


def project_out(attn: Any, mixed: Tensor) -> Tensor:
    """Heads joined and projected: (B, heads, N, c) to (B, N, C)."""
    projection, dropout = attn.to_out
    projected: Tensor = dropout(projection(mixed.transpose(1, 2).flatten(2)))
    return projected


def additive_mask(attn: Any, mask: Tensor | None, key: Tensor) -> Tensor | None:
    """The (B, 1, T) bias of diffusers as (B, heads, 1, T), for (B, heads, T, c) keys."""
    if mask is None:
        return None
    batch, heads, count, _ = key.shape
    prepared: Tensor = attn.prepare_attention_mask(mask, count, batch)
    return prepared.view(batch, heads, -1, prepared.shape[-1])


@torch.no_grad()
def probabilities(query: Tensor, key: Tensor) -> Tensor:
    """(B, N, keys) float32 attention, mean over heads; only computed to be looked at or rolled out."""
    with torch.autocast(query.device.type, enabled=False):
        logits = query.float() @ key.float().mT / query.shape[-1] ** 0.5
        attention: Tensor = logits.softmax(-1).mean(1)
    return attention
