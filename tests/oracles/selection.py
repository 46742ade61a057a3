"""Equations 3 and 4 and the ranking, with explicit loops."""

import math

import numpy as np
import torch
import torch.nn.functional as F


def cosine_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Eq. 3; a token of length 0 is like nothing."""
    lengths = math.sqrt(sum(float(a) ** 2 for a in first)) * math.sqrt(sum(float(b) ** 2 for b in second))
    return sum(float(a) * float(b) for a, b in zip(first, second, strict=True)) / lengths if lengths else 0.0


def column_sums(tokens: np.ndarray) -> np.ndarray:
    """Eq. 4 for the tokens (N, D) of one sample: what each token receives from all."""
    count = len(tokens)
    given = np.zeros((count, count))
    for i in range(count):
        exponentials = [math.exp(cosine_similarity(tokens[i], tokens[j])) for j in range(count)]
        for j in range(count):
            given[i, j] = exponentials[j] / sum(exponentials)
    received = np.zeros(count)
    for i in range(count):
        for j in range(count):
            received[i] += given[j, i]
    return received


def ranked(scores: list[float], k: int, *, descending: bool, first: int, valid: list[bool] | None) -> list[int]:
    """Repeatedly takes the best of what is left; of equals the earliest.

    `first` is the first token that may be chosen; tokens that are not `valid` come after all that are.
    """
    left = list(range(first, len(scores)))
    taken = []
    while len(taken) < k:
        pool = [i for i in left if valid is not None and valid[i]] or left
        best = pool[0]
        for i in pool:
            if scores[i] > scores[best] if descending else scores[i] < scores[best]:
                best = i
        taken.append(best)
        left.remove(best)
    return taken


def received_at_once(tokens: torch.Tensor) -> torch.Tensor:
    """Eq. 3-4 for (B, N, D) tokens, all N x N similarities in memory."""
    unit = F.normalize(tokens.float(), dim=2)
    return (unit @ unit.mT).softmax(dim=2).sum(dim=1)
