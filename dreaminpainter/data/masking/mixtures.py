"""Holes of several kinds."""

from functools import partial

from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.choices import apply_chosen, checked_weights, draw_choice
from dreaminpainter.data.draws import key_of_its_own
from dreaminpainter.data.masking.base import MaskGenerator
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import uniform
from dreaminpainter.schedules import Schedule


class MixtureMask(MaskGenerator):
    """One of several generators, chosen for each sample.

    Args:
        masks: the generators to choose from.
        weights: how often each is chosen, in any unit; None for equally often.

    Raises:
        SettingError: there is no generator, or the weights do not fit.
    """

    def __init__(self, masks: list[MaskGenerator], weights: list[float] | None = None) -> None:
        super().__init__()
        checked_weights("MixtureMask", "masks", len(masks), weights)
        self.masks = masks
        self.weights = weights

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        boxes_of(object_mask)  # refuses an empty object by its place in the whole batch
        weights = checked_weights("MixtureMask", "masks", len(self.masks), self.weights)
        choice_B = draw_choice(weights, key, "mask.choice")
        parts = [partial(mask, step=step) for mask in self.masks]
        return apply_chosen(parts, choice_B, object_mask, key_of_its_own(key, "mask.chosen"))


class ScheduledMask(MaskGenerator):
    """Goes from one generator to another over the training: a share of the samples, by the step, gets the second.

    Args:
        start: the generator of the other samples.
        end: the generator of the share.
        share: share of the samples that `end` makes holes for, over the global step, 0 to 1.

    Example:
        >>> import torch
        >>> from dreaminpainter.data.masking import BoxMask, ExactMask
        >>> from dreaminpainter.schedules import Linear
        >>> mask = ScheduledMask(start=ExactMask(), end=BoxMask(), share=Linear(0.0, 1.0, steps=100))
        >>> object_mask = torch.eye(8)[None, None]
        >>> [int(mask(object_mask, key=torch.tensor([7]), step=step).sum()) for step in (0, 100)]
        [8, 64]
    """

    def __init__(self, start: MaskGenerator, end: MaskGenerator, share: Schedule) -> None:
        super().__init__()
        self.start = start
        self.end = end
        self.share = share

    def forward(self, object_mask: Tensor, key: Tensor, step: int = 0) -> Tensor:
        """The hole at `step`; arguments and result are those of every generator.

        Raises:
            InputError: a sample's object mask is empty.
            SettingError: the schedule leaves 0 to 1.
        """
        boxes_of(object_mask)  # refuses an empty object by its place in the whole batch
        share = self.share(step)
        if not 0 <= share <= 1:
            raise SettingError(f"ScheduledMask's share is {share} at step {step}. Let its schedule stay within 0 to 1.")
        late_B = (uniform(key, (), "mask.schedule") < share).long()
        parts = [partial(mask, step=step) for mask in (self.start, self.end)]
        return apply_chosen(parts, late_B, object_mask, key_of_its_own(key, "mask.scheduled"))
