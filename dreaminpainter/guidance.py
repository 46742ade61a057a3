"""Classifier-free guidance along the text, and as an option along the reference (eq. 5)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dreaminpainter.attention import SubjectContext
from dreaminpainter.network import SubjectInpainter


@dataclass
class Branches:
    """The predictions that guidance mixes, run as one batch.

    Eq. 5 is `e(0, c_r) + w (e(c, c_r) - e(0, c_r))`, 0 the empty prompt and c_r the reference in both. With a
    reference scale v it becomes `e(0, 0) + v (e(0, c_r) - e(0, 0)) + w (e(c, c_r) - e(0, c_r))`, which is eq. 5 at
    v = 1. Branches whose factor is zero are not run.

    Args:
        factors: of each branch.
        text: (branches * B, T, D).
        subject: of branches * B rows.
    """

    factors: list[float]
    text: Tensor
    subject: SubjectContext

    @classmethod
    def of(
        cls,
        network: SubjectInpainter,
        tokens: Tensor,
        text: Tensor,
        empty: Tensor,
        guidance_scale: float,
        reference_scale: float,
    ) -> "Branches":
        w, v = guidance_scale, reference_scale
        all_branches = [(w, text, tokens), (v - w, empty, tokens), (1 - v, empty, torch.zeros_like(tokens))]
        factors, texts, subjects = zip(*[branch for branch in all_branches if branch[0] != 0], strict=True)
        return cls(list(factors), torch.cat(texts), network.inject(torch.cat(subjects)))

    def predict(
        self, network: SubjectInpainter, noisy: Tensor, hole: Tensor, scene: Tensor, timestep: Tensor
    ) -> Tensor:
        """(B, C, h, w): the mixture for noisy latents of B pictures."""
        model_input = network.input_form.compose(noisy, hole, scene)
        repeated = model_input.repeat(len(self.factors), 1, 1, 1)
        predictions = network(repeated, timestep, self.text, self.subject).chunk(len(self.factors))
        return torch.stack([factor * part for factor, part in zip(self.factors, predictions, strict=True)]).sum(0)
