"""Guidance written out: every branch of every sample is a call of its own, and eq. 5 is added up as it stands."""

import torch


def branch(network, noisy, hole, scene, timestep, text, tokens):
    """The prediction for each sample, one at a time."""
    rows = []
    for row in range(len(noisy)):
        one = slice(row, row + 1)
        model_input = network.input_form.compose(noisy[one], hole[one], scene[one])
        rows.append(network(model_input, timestep, text[one], network.inject(tokens[one])))
    return torch.cat(rows)


def guided(network, noisy, hole, scene, timestep, text, empty, tokens, w, v):
    """e(0, 0) + v (e(0, c_r) - e(0, 0)) + w (e(c, c_r) - e(0, c_r)); at v = 1 this is eq. 5."""
    inputs = (network, noisy, hole, scene, timestep)
    with_both = branch(*inputs, text, tokens)
    with_reference = branch(*inputs, empty, tokens)
    if v == 1:
        return with_reference + w * (with_both - with_reference)
    with_neither = branch(*inputs, empty, torch.zeros_like(tokens))
    return with_neither + v * (with_reference - with_neither) + w * (with_both - with_reference)
