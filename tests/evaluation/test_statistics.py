"""Means and their ranges."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dreaminpainter.evaluation.statistics import Interval, bootstrap

VALUES = st.lists(st.floats(-100, 100, allow_nan=False, width=32), min_size=1, max_size=30)


@given(VALUES)
def test_a_range_lies_within_the_values_and_is_the_same_each_time(values: list[float]) -> None:
    found = bootstrap(torch.tensor(values), draws=200)
    assert min(values) - 1e-4 <= found.low <= found.high <= max(values) + 1e-4
    assert found.mean == pytest.approx(sum(values) / len(values), abs=1e-4)
    assert bootstrap(torch.tensor(values), draws=200) == found


@given(VALUES, st.floats(0.1, 5), st.floats(-10, 10))
def test_other_units_give_the_same_range_in_other_units(values: list[float], scale: float, shift: float) -> None:
    one = bootstrap(torch.tensor(values).double(), draws=100)
    other = bootstrap(torch.tensor(values).double() * scale + shift, draws=100)
    for before, after in ((one.mean, other.mean), (one.low, other.low), (one.high, other.high)):
        assert after == pytest.approx(before * scale + shift, abs=1e-6)


@given(VALUES, st.integers(2, 5))
def test_fills_that_are_all_alike_say_no_more_than_one(values: list[float], seeds: int) -> None:
    once = bootstrap(torch.tensor(values), draws=100)
    groups = [str(number) for number in range(len(values)) for _ in range(seeds)]
    repeated = bootstrap(torch.tensor(values).repeat_interleave(seeds), groups, draws=100)
    for one, other in ((once.mean, repeated.mean), (once.low, repeated.low), (once.high, repeated.high)):
        assert one == pytest.approx(other, abs=1e-6)


@given(VALUES)
def test_groups_of_one_are_no_groups(values: list[float]) -> None:
    groups = [str(number) for number in range(len(values))]
    assert bootstrap(torch.tensor(values), groups, draws=100) == bootstrap(torch.tensor(values), draws=100)


def test_seeds_alone_make_a_range() -> None:
    """One case filled four times: what is uncertain is what the next four seeds would give."""
    found = bootstrap(torch.tensor([0.0, 0.0, 1.0, 1.0]), ["a"] * 4)
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)
    assert bootstrap(torch.tensor([0.5] * 4), ["a"] * 4) == Interval(0.5, 0.5, 0.5)


def test_a_case_filled_more_often_counts_as_one() -> None:
    found = bootstrap(torch.tensor([0.0, 0.0, 0.0, 1.0]), ["a", "a", "a", "b"])
    assert found.mean == 0.5
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_range_holds_the_mean_nineteen_times_of_twenty() -> None:
    """Cases and seeds both vary; of the true mean, 0, 100 measurements of 25 cases with 3 seeds each."""
    drawn = torch.Generator().manual_seed(0)
    groups = [str(number) for number in range(25) for _ in range(3)]
    held = 0
    for _ in range(100):
        cases = torch.randn(25, 1, generator=drawn).expand(-1, 3)
        found = bootstrap((cases + torch.randn(25, 3, generator=drawn)).flatten(), groups, draws=300)
        held += found.low <= 0 <= found.high
    assert 88 <= held <= 100


def test_a_range_is_as_wide_as_theory_has_it() -> None:
    drawn = torch.randn(400, generator=torch.Generator().manual_seed(1))
    found = bootstrap(drawn)
    assert found.high - found.low == pytest.approx(2 * 1.96 * float(drawn.std()) / 20, rel=0.1)


def test_a_range_is_around_the_mean_where_some_cases_are_filled_more_often() -> None:
    values, groups = [], []
    for number in range(40):
        fills = 5 if number % 2 else 1
        values += [float(number % 2)] * fills
        groups += [str(number)] * fills
    found = bootstrap(torch.tensor(values), groups)
    assert found.mean == 0.5
    assert (found.low + found.high) / 2 == pytest.approx(0.5, abs=0.05)
