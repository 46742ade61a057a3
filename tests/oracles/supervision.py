"""What tokens tell of an attribute, sample by sample and token by token."""

import math

from torch import Tensor


def mean_cross_entropy(
    tokens: Tensor, query: Tensor, weight: Tensor, bias: Tensor, codes: list[int | None]
) -> float | None:
    """The mean cross entropy over the samples whose code is known; None where none is."""
    found = []
    for sample, code in zip(tokens.tolist(), codes, strict=True):
        if code is None:
            continue
        scores = [_dot(query.tolist(), token) / math.sqrt(len(token)) for token in sample]
        shares = _softmax(scores)
        read = [sum(share * token[d] for share, token in zip(shares, sample, strict=True)) for d in range(len(query))]
        logits = [_dot(row, read) + shift for row, shift in zip(weight.tolist(), bias.tolist(), strict=True)]
        found.append(-math.log(_softmax(logits)[code]))
    return sum(found) / len(found) if found else None


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _softmax(scores: list[float]) -> list[float]:
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]
