"""Classifier-free guidance along the text, and as an option along the reference (eq. 5)."""

from dataclasses import dataclass, field

import torch
from diffusers.utils import logging
from torch import Tensor

from dreaminpainter.attention import KeptContext, SubjectContext
from dreaminpainter.errors import SettingError
from dreaminpainter.network import SubjectInpainter

logger = logging.get_logger(__name__)


@dataclass
class Conditions:
    """What the UNet reads beside its input, the same at all steps.

    Args:
        text: (R, T, D).
        subject: of R rows.
        kept: their keys and values, once they were projected.
    """

    text: Tensor
    subject: SubjectContext
    kept: KeptContext = field(default_factory=KeptContext)


class Branches:
    """The predictions that guidance mixes, run as one batch, or one after the other where memory is short.

    Eq. 5 is `e(0, c_r) + w (e(c, c_r) - e(0, c_r))`, 0 the empty prompt and c_r the reference in both. With a
    reference scale v it becomes `e(0, 0) + v (e(0, c_r) - e(0, 0)) + w (e(c, c_r) - e(0, c_r))`, which is eq. 5 at
    v = 1. Branches whose factor is zero are not run.

    Args:
        network: what predicts.
        tokens: (B, K, D), what was chosen of the reference.
        text: (B, T, D), the prompt.
        empty: (B, T, D), what it is guided away from.
        guidance_scale: w.
        reference_scale: v.
        sliced: run one branch at a time from the start. Otherwise it is so from the step on at which the device's
            memory does not suffice for all, which is told.
    """

    def __init__(
        self,
        network: SubjectInpainter,
        tokens: Tensor,
        text: Tensor,
        empty: Tensor,
        guidance_scale: float,
        reference_scale: float,
        sliced: bool = False,
    ) -> None:
        w, v = guidance_scale, reference_scale
        all_branches = [(w, text, tokens), (v - w, empty, tokens), (1 - v, empty, torch.zeros_like(tokens))]
        self._network = network
        network.unet.forget()  # caches hold what other branches, or a read, have left
        self._branches = [branch for branch in all_branches if branch[0] != 0]
        self._batches = self._make_batches(sliced)

    @property
    def factors(self) -> list[float]:
        """Of each branch; they sum to 1."""
        return [factor for factor, _, _ in self._branches]

    def predict(self, noisy: Tensor, hole: Tensor, scene: Tensor, timestep: Tensor) -> Tensor:
        """(B, C, h, w): the mixture for noisy latents of B pictures."""
        model_input = self._network.input_form.compose(noisy, hole, scene)
        try:
            return self._mixed(model_input, timestep)
        except torch.OutOfMemoryError:
            if len(self._batches) == len(self._branches):
                raise
        # Outside of the handler, which keeps alive what filled the memory.
        logger.warning("The branches of guidance do not fit into memory at once: from here on one after the other.")
        self._batches = self._make_batches(sliced=True)
        return self._mixed(model_input, timestep)

    def _mixed(self, model_input: Tensor, timestep: Tensor) -> Tensor:
        predictions: list[Tensor] = []
        for one in self._batches:
            rows = model_input.repeat(len(one.text) // len(model_input), 1, 1, 1)
            predicted = self._network(rows, timestep, one.text, one.subject, kept=one.kept)
            predictions += predicted.split(len(model_input))
        return torch.stack([factor * part for factor, part in zip(self.factors, predictions, strict=True)]).sum(0)

    def _make_batches(self, sliced: bool) -> list[Conditions]:
        if sliced and len(self._branches) > 1 and self._network.unet.is_cache_enabled:
            raise SettingError(
                "unet.enable_cache keeps the attention of one batch, and here guidance runs in several, since it is "
                "sliced or does not fit into memory at once. Use unet.disable_cache(), or disable_guidance_slicing()."
            )
        groups = [[branch] for branch in self._branches] if sliced else [self._branches]
        return [
            Conditions(
                torch.cat([text for _, text, _ in group]),
                self._network.inject(torch.cat([tokens for _, _, tokens in group])),
            )
            for group in groups
        ]
