"""From scores to chosen tokens: what every selector has in common."""

import torch
from torch import Tensor

from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.types import Selection, TokenFeatures


def rank(
    scores: Tensor, features: TokenFeatures, k: int, *, descending: bool = False, subject_only: bool = False
) -> Selection:
    """The first `k` tokens by score; of equal scores the earlier token comes first.

    A class token is no place of the picture, so it is never chosen. Indices still count it: with a class token the
    first spatial token has index 1.

    Args:
        scores: (B, N) float32.
        features: what was scored.
        k: how many tokens, 1 to the number of spatial tokens.
        descending: whether high scores come first.
        subject_only: put all tokens on the subject ahead of the others, each group in the order of its scores.

    Raises:
        SettingError: `k` is out of range, or `subject_only` asks for `features.valid` where there is none.
        InputError: tokens or scores hold NaN or infinity. On an accelerator the answer would make the host wait for
            the device, so there it is asked only while gradients are off (sampling, validation). In training such
            tokens reach the loss.
    """
    first = int(features.has_class_token)
    _check_k(k, scores.shape[1] - first, features.grid)
    if scores.device.type == "cpu" or not torch.is_grad_enabled():
        _check_finite(features.tokens, scores)
    order = scores.detach()[:, first:].sort(dim=1, descending=descending, stable=True).indices
    if subject_only:
        order = _subject_first(order, _valid(features)[:, first:])
    return Selection(indices=order[:, :k] + first, scores=scores.detach())


def _subject_first(order: Tensor, valid: Tensor) -> Tensor:
    elsewhere = ~valid.gather(1, order)
    return order.gather(1, elsewhere.byte().sort(dim=1, stable=True).indices)


def _valid(features: TokenFeatures) -> Tensor:
    if features.valid is None:
        raise SettingError(
            "subject_only is true, but the extractor does not tell which tokens lie on the subject. Set subject_only "
            "to false, or use an extractor that fills in TokenFeatures.valid."
        )
    return features.valid


def _check_k(k: int, count: int, grid: tuple[int, int]) -> None:
    if k < 1:
        raise SettingError(f"k is {k}, but at least one token has to be chosen. Set k to 1 or more.")
    if k > count:
        raise SettingError(
            f"k is {k}, but the reference gives only {count} tokens ({grid[0]} x {grid[1]}). Set k to {count} or "
            "less, or read an earlier block or a larger reference."
        )


def _check_finite(tokens: Tensor, scores: Tensor) -> None:
    bad = ~(tokens.isfinite().all(dim=2) & scores.isfinite()).all(dim=1)
    if bad.any():
        rows = bad.nonzero().flatten().tolist()
        raise InputError(
            f"The reference's features or scores hold NaN or infinity in rows {rows} of the batch. Check the "
            "reference for broken pixels, and try float32 in place of half precision."
        )
