"""How much of its attention the network gives to the reference while it fills, and how much to the text."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dreaminpainter.attention import AttentionRecord, SubjectContext
from dreaminpainter.network import SubjectInpainter


@dataclass
class Prediction:
    """What the network was given for one prediction; rows as in `SubjectInpainter.forward`.

    Args:
        model_input: (R, in_channels, h, w).
        timestep: a single one for all rows.
        text_states: (R, T, D).
        subject: of R rows.
    """

    model_input: Tensor
    timestep: Tensor
    text_states: Tensor
    subject: SubjectContext


@contextmanager
def remembered_prediction(network: SubjectInpainter, number: int) -> Iterator[list[Prediction]]:
    """Remembers what the network is given the `number`-th time it predicts, from 0, while the context lasts.

    Yields:
        A list that holds the prediction once it was made.
    """
    found: list[Prediction] = []
    count = -1

    def remember(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        count += 1
        if count == number:
            found.append(Prediction(*arguments))

    hook = network.register_forward_pre_hook(remember)
    try:
        yield found
    finally:
        hook.remove()


@torch.no_grad()
def attention_share(network: SubjectInpainter, prediction: Prediction, hole: Tensor) -> float:
    """The share of attention that the hole gives to the reference, 0 to 1; the rest goes to the text.

    The prediction is made once more and its attention written down: the mean over heads, over the cells of the hole and
    over the layers that read the subject. Of guidance's branches the first counts, which reads prompt and reference.

    Args:
        network: what predicts.
        prediction: what it was given.
        hole: (1, 1, H, W) in {0, 1}, of the picture's shape in any resolution.
    """
    record = AttentionRecord(self_attention_of="none of the layers")
    subject = {layer: tuple(part[:1] for part in parts) for layer, parts in prediction.subject.items()}
    model_input = prediction.model_input[:1]
    network(model_input, prediction.timestep, prediction.text_states[:1], subject, record=record)
    height, width = model_input.shape[-2:]
    return float(torch.cat(list(record.share_in(hole, (height, width)).values())).mean())
