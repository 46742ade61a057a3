"""Contestants of the training step do what their names say."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.training_contestants import contestants


@pytest.fixture(scope="module")
def steps():
    return {name: make() for name, make in contestants(128, [32, 32, 64, 64], 1, "cpu").items()}


def flops(step) -> int:
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


@pytest.mark.slow
def test_each_trains_and_costs_what_it_leaves_out(steps) -> None:
    counted = {name: flops(step) for name, step in steps.items()}
    assert all(torch.isfinite(step()) for step in steps.values())
    composite, nine = counted["plain loop, composite"], counted["plain loop, nine-channel"]
    cached = counted["plain loop, composite, scene latents cached"]
    encoding = composite - cached
    # The nine-channel form encodes the blanked scene too; ours the reference, with latents cached neither.
    assert nine - composite == pytest.approx(encoding, rel=0.05)
    ours, ours_cached = counted["ours"], counted["ours, scene and reference latents cached"]
    assert ours - ours_cached == pytest.approx(2 * encoding, rel=0.01)
    assert cached < counted["ours, cached, gradient stopped in the reference pass"] < ours_cached
