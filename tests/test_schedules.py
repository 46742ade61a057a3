import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.schedules import half_cosine, linear, warmup_stable_decay

from dreaminpainter.components import describe, make
from dreaminpainter.errors import SettingError
from dreaminpainter.regularization import Constant, Cosine, Linear, Schedule, Warmup, WarmupCosine, WarmupStableDecay

values = st.floats(-10, 10)
ways = st.tuples(st.integers(1, 1000), st.integers(-50, 1500))


@settings(max_examples=200, deadline=None)
@given(start=values, end=values, way=ways)
def test_schedules_are_those_of_the_slow_restatement(start, end, way):
    steps, step = way
    assert Linear(start, end, steps)(step) == pytest.approx(linear(start, end, steps, step), abs=1e-9)
    assert Cosine(start, end, steps)(step) == pytest.approx(half_cosine(start, end, steps, step), abs=1e-9)
    assert Warmup(end, steps)(step) == pytest.approx(linear(0, end, steps, step), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(start=values, end=values, steps=st.integers(1, 1000))
def test_both_ends_are_exact_and_hold_beyond(start, end, steps):
    for schedule in (Linear(start, end, steps), Cosine(start, end, steps)):
        assert schedule(0) == schedule(-7) == start
        assert schedule(steps) == schedule(steps + 7) == schedule(10 * steps) == end
    warmup = Warmup(end, steps)
    assert warmup(0) == warmup(-7) == 0
    assert warmup(steps) == warmup(steps + 7) == end


@settings(max_examples=100, deadline=None)
@given(value=values, warmup=st.integers(1, 300), more=st.integers(1, 1000), step=st.integers(-50, 1500))
def test_a_warm_up_goes_over_into_a_cosine_to_nothing(value, warmup, more, step):
    rising, falling = linear(0, value, warmup, step), half_cosine(value, 0, more, step - warmup)
    expected = rising if step < warmup else falling
    assert WarmupCosine(value, warmup, warmup + more)(step) == pytest.approx(expected, abs=1e-9)


parts = st.tuples(st.integers(1, 300), st.integers(0, 500), st.integers(1, 300))


@settings(max_examples=100, deadline=None)
@given(value=values, parts=parts, step=st.integers(-50, 1500))
def test_a_warm_up_stays_and_falls_to_nothing(value, parts, step):
    warmup, _, decay = parts
    expected = warmup_stable_decay(value, *parts, step)
    assert WarmupStableDecay(value, warmup, decay, sum(parts))(step) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(parts=parts, more=st.integers(1, 500))
def test_a_longer_one_is_the_same_until_the_shorter_falls(parts, more):
    warmup, stable, decay = parts
    shorter, longer = (WarmupStableDecay(3.0, warmup, decay, sum(parts) + added) for added in (0, more))
    assert all(shorter(step) == longer(step) for step in range(warmup + stable + 1))
    assert shorter(warmup + stable + 1) < longer(warmup + stable + 1)


def test_parts_longer_than_everything_are_refused():
    with pytest.raises(SettingError, match=r"steps is 10\. Set it to more than its warm-up of 10"):
        WarmupCosine(1.0, 10, 10)
    with pytest.raises(SettingError, match=r"steps is 10\. Set it to at least its warm-up of 4 and its decay of 7 to"):
        WarmupStableDecay(1.0, 4, 7, 10)


def test_constant_never_changes():
    assert {Constant(0.3)(step) for step in (-1, 0, 1, 10**6)} == {0.3}


def test_cosine_is_level_at_its_ends_and_steepest_between():
    changes = [Cosine(0, 1, 100)(step + 1) - Cosine(0, 1, 100)(step) for step in range(100)]
    assert changes[0] < changes[25] < changes[49] and changes[99] < changes[75] < changes[50]


@pytest.mark.parametrize("steps", [0, -5])
@pytest.mark.parametrize("build", [lambda n: Linear(0, 1, n), lambda n: Cosine(0, 1, n), lambda n: Warmup(1, n)])
def test_a_way_of_no_steps_is_refused_with_the_fix(build, steps):
    with pytest.raises(SettingError, match=rf"steps is {steps}. Set it to 1 or more"):
        build(steps)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad):
    for build in (Constant, lambda v: Linear(v, 0, 1), lambda v: Cosine(0, v, 1), lambda v: Warmup(v, 1)):
        with pytest.raises(SettingError, match="finite number"):
            build(bad)


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(0.5),
        Linear(0, 1, 10),
        Cosine(1, 0, 10),
        Warmup(2, 10),
        WarmupCosine(2, 5, 10),
        WarmupStableDecay(2, 5, 3, 10),
    ],
)
def test_each_is_written_down_and_made_again(schedule):
    made = make(describe(schedule), Schedule)
    assert type(made) is type(schedule) and made(3) == schedule(3)
