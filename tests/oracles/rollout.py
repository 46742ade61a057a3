"""Attention rollout (Abnar & Zuidema 2020, section 3), with explicit loops."""

import numpy as np


def rollout_scores(attentions: np.ndarray, has_class_token: bool) -> np.ndarray:
    """Scores (N,) of one sample from its attentions (L, N, N), first layer first."""
    layers, count, _ = attentions.shape
    product = np.eye(count)
    for layer in range(layers):
        mixed = np.zeros((count, count))
        for i in range(count):
            for j in range(count):
                mixed[i, j] = 0.5 * attentions[layer, i, j] + 0.5 * (i == j)
        for i in range(count):
            mixed[i] = mixed[i] / sum(mixed[i])
        longer = np.zeros((count, count))
        for i in range(count):
            for j in range(count):
                for m in range(count):
                    longer[i, j] += mixed[i, m] * product[m, j]
        product = longer
    if has_class_token:
        return product[0]
    return np.array([sum(product[i, j] for i in range(count)) / count for j in range(count)])
