"""Attention written out: one softmax a query, a head, a sample, in numpy's float64."""

import math

import numpy as np


def array(tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def projected(linear, tokens: np.ndarray) -> np.ndarray:
    out = tokens @ array(linear.weight).T
    return out if linear.bias is None else out + array(linear.bias)


def head_slices(heads: int, width: int) -> list[slice]:
    size = width // heads
    return [slice(head * size, (head + 1) * size) for head in range(heads)]


def softmax(values: list[float]) -> list[float]:
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def attention_map(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """(N, keys) of one head of one sample: query and key are (N, c) and (keys, c)."""
    scale = 1 / math.sqrt(query.shape[1])
    return np.array([softmax([scale * float(np.dot(q, k)) for k in key]) for q in query])


def mean_maps(attn, tokens, context) -> np.ndarray:
    """(B, N, keys) attention of a diffusers layer, the mean over its heads."""
    maps = []
    for sample, sample_context in zip(array(tokens), array(context), strict=True):
        query, key = projected(attn.to_q, sample), projected(attn.to_k, sample_context)
        per_head = [attention_map(query[:, part], key[:, part]) for part in head_slices(attn.heads, query.shape[1])]
        maps.append(sum(per_head) / attn.heads)
    return np.stack(maps)


def head_outputs(attn, tokens, key, value) -> np.ndarray:
    """(B, heads, N, c): what each head mixes from given keys and values, ahead of the output projection."""
    outputs = []
    for sample, sample_key, sample_value in zip(array(tokens), array(key), array(value), strict=True):
        query = projected(attn.to_q, sample)
        parts = head_slices(attn.heads, query.shape[1])
        outputs.append([attention_map(query[:, p], sample_key[:, p]) @ sample_value[:, p] for p in parts])
    return np.array(outputs)


def layer_output(attn, mixed: np.ndarray) -> np.ndarray:
    """(B, N, C): heads (B, heads, N, c) side by side, through the output projection."""
    return projected(attn.to_out[0], np.concatenate([mixed[:, head] for head in range(attn.heads)], axis=-1))
