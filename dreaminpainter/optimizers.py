"""An optimizer that learns more from each step than Adam's kin, for small networks trained from nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from dreaminpainter.errors import SettingError

COEFFICIENTS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
"""(a, b, c) of each step of `orthogonalized`, from https://leloykun.github.io/ponder/muon-opt-coeffs."""


class Muon(torch.optim.Optimizer):
    """Muon (Jordan 2024): momentum whose singular values are all made about 1, for weights of two or more dimensions.

    Kernels of convolutions count as matrices of (out, in * height * width); embeddings and the first and last layers,
    which its inventor leaves to AdamW, are matrices like any other here. Steps are scaled to the size that AdamW's
    have (Liu et al. 2025, "Muon is Scalable for LLM Training"), so that rates for AdamW fit; all other weights train by
    AdamW itself. Unlike torch's, it takes convolutions, and computes in float32: bfloat16 is slow on most CPUs.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        momentum: share of the momentum that stays at each step, 0 to below 1.
        betas: decays of AdamW's two averages.
        eps: AdamW's.
        weight_decay: decoupled from the gradient, times the learning rate.

    Raises:
        SettingError: the momentum is out of range.

    Example:
        >>> layer = torch.nn.Linear(4, 4, bias=False)
        >>> layer(torch.eye(4)).square().sum().backward()
        >>> before = layer.weight.detach().clone()
        >>> Muon(layer.parameters(), lr=0.1, weight_decay=0.0).step()
        >>> round(float((layer.weight.detach() - before).square().mean().sqrt()), 2)  # 0.2 of the rate, as AdamW's are
        0.02
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        if not 0 <= momentum < 1:
            raise SettingError(f"Muon's momentum is {momentum}. Set it to 0 or more and below 1.")
        settings = {"lr": lr, "momentum": momentum, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; returns what `closure` does, where it is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in trained:
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
            self._step_matrices([parameter for parameter in trained if parameter.ndim > 1], group)
            for parameter in trained:
                if parameter.ndim <= 1:
                    self._step_adam(parameter, group)
        return loss

    def _step_matrices(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        # Matrices of one shape go together: one product of many is quicker than many products.
        alike: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            gradient: Any = parameter.grad
            momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
            ahead = gradient.lerp(momentum, group["momentum"]).flatten(1)
            alike[ahead.shape[0], ahead.shape[1]].append((parameter, ahead))
        for (rows, columns), members in alike.items():
            steps = orthogonalized(torch.stack([ahead for _, ahead in members]).float())
            size = 0.2 * max(rows, columns) ** 0.5 * group["lr"]
            for (parameter, _), step in zip(members, steps, strict=True):
                parameter.sub_(step.view(parameter.shape).to(parameter.dtype), alpha=size)

    def _step_adam(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, (first, second) = self.state[parameter], group["betas"]
        if not state:
            state.update(step=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        state["step"] += 1
        gradient: Any = parameter.grad
        mean = state["mean"].lerp_(gradient, 1 - first) / (1 - first ** state["step"])
        square = state["square"].lerp_(gradient.square(), 1 - second) / (1 - second ** state["step"])
        parameter.addcdiv_(mean, square.sqrt() + group["eps"], value=-group["lr"])


def orthogonalized(matrices: Tensor) -> Tensor:
    """(B, m, n): each matrix with its singular vectors, and singular values of about 1, by Newton and Schulz's steps.

    Example:
        >>> torch.linalg.svdvals(orthogonalized(torch.diag(torch.tensor([5.0, 1.0, 0.1]))[None])).round()
        tensor([[1., 1., 1.]])
    """
    wide: Tensor = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    # Each step is a polynomial of the small square matrix times the wide one; the polynomials are multiplied first.
    square, steps = wide @ wide.mT, torch.eye(wide.shape[1]).to(wide)
    for a, b, c in COEFFICIENTS:
        step = torch.baddbmm(b * square, square, square, alpha=c)
        step.diagonal(dim1=1, dim2=2).add_(a)
        square, steps = step @ square @ step, step @ steps
    wide = steps @ wide
    return wide if matrices.shape[1] <= matrices.shape[2] else wide.mT
