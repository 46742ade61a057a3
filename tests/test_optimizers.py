"""Muon against singular values, against torch's AdamW, and over a stop."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import randn
from torch import nn

from dreaminpainter.errors import SettingError
from dreaminpainter.optimizers import Muon, orthogonalized


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(2, 40), columns=st.integers(2, 40), seed=st.integers(0, 10**6))
def test_every_singular_value_comes_to_about_one_and_no_direction_turns(rows, columns, seed) -> None:
    matrices = randn(2, rows, columns, seed=seed)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    found = left.mT @ orthogonalized(matrices) @ right.mT
    sizes = found.diagonal(dim1=1, dim2=2)
    # Those far below the largest are lifted, but in five steps not all the way.
    assert (sizes > 0).all() and (sizes < 1.3).all() and (sizes.amax(1) > 0.7).all()
    assert (found - torch.diag_embed(sizes)).abs().max() < 0.05


def step_of(parameter: nn.Parameter, gradient: torch.Tensor, **settings: float) -> torch.Tensor:
    """What one step takes from `parameter`."""
    before = parameter.detach().clone()
    parameter.grad = gradient
    Muon([parameter], lr=0.1, weight_decay=0.0, **settings).step()
    return before - parameter.detach()


def test_a_kernel_is_stepped_as_the_matrix_of_its_output_channels() -> None:
    gradient = randn(6, 4, 3, 3)
    kernel, matrix = nn.Parameter(torch.zeros(6, 4, 3, 3)), nn.Parameter(torch.zeros(6, 36))
    step = step_of(kernel, gradient)
    torch.testing.assert_close(step.flatten(1), step_of(matrix, gradient.flatten(1)))
    # As large as AdamW's: about 0.2 of the learning rate an entry.
    assert step.square().mean().sqrt() == pytest.approx(0.1 * 0.2, rel=0.2)


def test_the_size_of_a_gradient_does_not_count() -> None:
    gradient = randn(5, 8)
    small, large = (step_of(nn.Parameter(torch.zeros(5, 8)), factor * gradient) for factor in (1e-3, 1e3))
    torch.testing.assert_close(small, large, rtol=1e-3, atol=1e-5)


def test_momentum_looks_ahead_as_nesterovs_does() -> None:
    parameter = nn.Parameter(torch.zeros(3, 3))
    first, second = randn(3, 3, seed=1), randn(3, 3, seed=2)
    optimizer = Muon([parameter], lr=0.1, momentum=0.5, weight_decay=0.0)
    parameter.grad = first
    optimizer.step()
    before = parameter.detach().clone()
    parameter.grad = second
    optimizer.step()
    momentum = 0.5 * (0.5 * first) + 0.5 * second
    expected = orthogonalized((0.5 * second + 0.5 * momentum)[None])[0] * 0.1 * 0.2 * 3**0.5
    torch.testing.assert_close(before - parameter.detach(), expected)


def test_vectors_train_by_adamw() -> None:
    ours, theirs = nn.Parameter(torch.ones(7)), nn.Parameter(torch.ones(7))
    one = Muon([ours], lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)
    other = torch.optim.AdamW([theirs], lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)
    for seed in range(5):
        ours.grad = theirs.grad = randn(7, seed=seed)
        one.step()
        other.step()
    torch.testing.assert_close(ours, theirs)


def test_weights_decay_by_the_learning_rate() -> None:
    weight = nn.Parameter(torch.full((4, 4), 2.0))
    weight.grad = torch.zeros(4, 4)
    Muon([weight], lr=0.5, weight_decay=0.1).step()
    torch.testing.assert_close(weight.detach(), torch.full((4, 4), 2.0 * 0.95))


def test_stopped_and_gone_on_with_is_the_same_as_never_stopped() -> None:
    def model() -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(36, 2))

    def train(network: nn.Module, optimizer: Muon, seeds: range) -> None:
        for seed in seeds:
            optimizer.zero_grad()
            network(randn(2, 3, 5, 5, seed=seed)).square().sum().backward()
            optimizer.step()

    whole = model()
    train(whole, Muon(whole.parameters()), range(6))
    part = model()
    first = Muon(part.parameters())
    train(part, first, range(3))
    second = Muon(part.parameters())
    second.load_state_dict(first.state_dict())
    train(part, second, range(3, 6))
    for one, other in zip(whole.parameters(), part.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_out_of_range_is_refused(momentum) -> None:
    with pytest.raises(SettingError, match=f"momentum is {momentum}"):
        Muon([nn.Parameter(torch.zeros(2, 2))], momentum=momentum)
