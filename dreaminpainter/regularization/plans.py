"""The two objectives of the paper's Fig. 2, each written once, and the two ways to put them together."""

import torch
from torch import Tensor

from dreaminpainter.types import Batch, TrainingPlan

MAIN = "main"
REGULARIZATION = "regularization"


def main_plan(batch: Batch) -> TrainingPlan:
    """Fig. 2a: noise in the hole only, the text is the class name. That the loss counts in the hole is our choice."""
    return _plan(batch, batch.mask, batch.class_name, MAIN)


def regularization_plan(batch: Batch) -> TrainingPlan:
    """Fig. 2b: noise and loss on the whole image, the text is a caption of the whole image."""
    return _plan(batch, torch.ones_like(batch.mask), batch.caption, REGULARIZATION)


def choose_rows(first: TrainingPlan, second: TrainingPlan, from_second: list[bool]) -> TrainingPlan:
    """Row by row, `first` or `second`, which plan the same samples in the same order.

    Args:
        first: R rows.
        second: R rows.
        from_second: for each row, whether it comes from `second`.
    """
    picked = torch.tensor(from_second).to(first.weight.device, non_blocking=True)
    picked_masks = picked[:, None, None, None]
    return TrainingPlan(
        sample=first.sample,
        noise_mask=torch.where(picked_masks, second.noise_mask, first.noise_mask),
        loss_mask=torch.where(picked_masks, second.loss_mask, first.loss_mask),
        text=choose_texts(first.text, second.text, from_second),
        weight=torch.where(picked, second.weight, first.weight),
        objective=choose_texts(first.objective, second.objective, from_second),
    )


def choose_texts(first: list[str], second: list[str], from_second: list[bool]) -> list[str]:
    """One by one, the text of `first` or, where `from_second` says so, of `second`."""
    return [theirs if picked else ours for ours, theirs, picked in zip(first, second, from_second, strict=True)]


def stack(first: TrainingPlan, second: TrainingPlan) -> TrainingPlan:
    """All rows of `first`, then all rows of `second`."""
    return TrainingPlan(
        sample=torch.cat([first.sample, second.sample]),
        noise_mask=torch.cat([first.noise_mask, second.noise_mask]),
        loss_mask=torch.cat([first.loss_mask, second.loss_mask]),
        text=first.text + second.text,
        weight=torch.cat([first.weight, second.weight]),
        objective=first.objective + second.objective,
    )


def _plan(batch: Batch, mask: Tensor, text: list[str], objective: str) -> TrainingPlan:
    count, device = len(batch), batch.mask.device
    return TrainingPlan(
        sample=torch.arange(count),
        noise_mask=mask,
        loss_mask=mask,
        text=list(text),
        weight=torch.ones(count, device=device),
        objective=[objective] * count,
    )
