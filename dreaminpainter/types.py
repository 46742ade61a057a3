"""The records that flow through the method, and the shape legend of the whole package.

Names of tensors inside the mathematics end in their shape, one letter a dimension:

    B  samples of a batch             N  tokens of a reference (h x w, plus one where there is a class token)
    R  rows to be trained (B to 2B)   K  tokens that were chosen
    C  channels                       D  width of a token
    H W  height, width in pixels      T  text tokens
    h w  height, width of a grid      L  attention layers

Images are floats in [-1, 1], B 3 H W. Masks are floats in {0, 1}, B 1 H W, and **1 is to be filled** everywhere.

Example:
    >>> import torch
    >>> features = TokenFeatures(tokens=torch.zeros(2, 256, 96), grid=(16, 16))
    >>> features.tokens.shape[1] == features.grid[0] * features.grid[1]
    True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor


@dataclass
class Reference:
    """The picture of the subject: segmented, on white (Fig. 2).

    Args:
        pixels: (B, 3, H, W) in [-1, 1]; its size may differ from the scene's.
        mask: (B, 1, H, W) in {0, 1}, 1 on the subject.
        text: what the reference encoder reads, one a sample; empty by default (our choice: the paper is silent).
        latents: (B, C, h, w), the autoencoder's scaled latents of `pixels`; filled in by whoever owns the autoencoder.
        text_states: (B, T, D), the text encoder's states of `text`; filled in likewise.
    """

    pixels: Tensor
    mask: Tensor
    text: list[str] = field(default_factory=list)
    latents: Tensor | None = None
    text_states: Tensor | None = None

    def __post_init__(self) -> None:
        self.text = self.text or [""] * len(self.pixels)


@dataclass
class Batch:
    """What the data side hands to the model.

    Args:
        image: (B, 3, H, W) in [-1, 1], the whole scene, subject included.
        mask: (B, 1, H, W) in {0, 1}, the hole.
        reference: the subject.
        class_name: the subject's class, one a sample; the text of the main objective (Fig. 2a).
        caption: a caption of the whole picture, one a sample; the text of the regularization (Fig. 2b).
        source: name of the dataset each sample comes from.
        id: the sample's name within its source.
        key: (B,) int64, where every random draw of the sample starts from, made of seed, source, id and the
            number of passes over the source before. It stays on the host: what is drawn from it decides texts as well
            as tensors.
        latents: (B, C, h, w), cached scaled latents of `image`, where there are any.
        attributes: what is known of each subject, such as {"hat": "crown"}; empty for photographs.
        detail_mask: (B, 1, H, W) in {0, 1}, small things that tell subjects from their like; None if unknown.
    """

    image: Tensor
    mask: Tensor
    reference: Reference
    class_name: list[str]
    caption: list[str]
    source: list[str]
    id: list[str]
    key: Tensor
    latents: Tensor | None = None
    attributes: list[dict[str, str]] = field(default_factory=list)
    detail_mask: Tensor | None = None

    def __post_init__(self) -> None:
        self.attributes = self.attributes or [{} for _ in self.id]

    def __len__(self) -> int:
        return len(self.id)

    def to(self, device: torch.device | str) -> Batch:
        """A copy whose pictures, masks and latents are on `device`; `key` stays on the host."""
        return _map_tensors(self, lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """A copy in page-locked memory, as a DataLoader asks for when it feeds a GPU."""
        return _map_tensors(self, torch.Tensor.pin_memory)


@dataclass
class TokenFeatures:
    """Dense features of the reference (eq. 2).

    Args:
        tokens: (B, N, D).
        grid: (h, w) of the spatial tokens, row by row.
        valid: (B, N) bool, true for tokens that touch the subject; a class token is never valid.
        attentions: (B, L, N, N), self-attention of the layers read, mean over heads, rows sum to 1; only where a
            selector asked for it.
        has_class_token: whether token 0 is a class token, ahead of the h x w spatial ones.
    """

    tokens: Tensor
    grid: tuple[int, int]
    valid: Tensor | None = None
    attentions: Tensor | None = None
    has_class_token: bool = False


@dataclass
class Selection:
    """Which tokens stand for the subject (eq. 3-4).

    Args:
        indices: (B, K) int64 into the N tokens, best first.
        scores: (B, N) float32, what the ranking was made from; whether high or low is good is the selector's.
    """

    indices: Tensor
    scores: Tensor


@dataclass
class TrainingPlan:
    """What one training step computes, one row per loss term.

    Args:
        sample: (R,) int64 on the host, the sample of the batch that each row trains.
        noise_mask: (R, 1, H, W) in {0, 1}, where noise is added.
        loss_mask: (R, 1, H, W) in {0, 1}, where the loss counts.
        text: what the network reads, one a row.
        weight: (R,) float32, the factor of each row's loss.
        objective: the name of each row's objective, for the logs and its noise; "main" by default.
    """

    sample: Tensor
    noise_mask: Tensor
    loss_mask: Tensor
    text: list[str]
    weight: Tensor
    objective: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objective = self.objective or ["main"] * len(self.text)

    def __len__(self) -> int:
        return len(self.text)


Record = TypeVar("Record", Batch, Reference)


def _map_tensors(record: Record, function: Callable[[Tensor], Tensor]) -> Record:
    """Applies `function` to every tensor of a Batch or Reference but the key."""
    changed: dict[str, Any] = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        if isinstance(value, Tensor) and entry.name != "key":
            changed[entry.name] = function(value)
        elif isinstance(value, Reference):
            changed[entry.name] = _map_tensors(value, function)
    return replace(record, **changed)
