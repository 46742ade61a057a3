import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import randomness as oracle

from dreaminpainter.randomness import bits, integers, normal, sample_key, shuffled, uniform

any_key = st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=100, deadline=None)
@given(key=any_key, stream=st.text(max_size=10), count=st.integers(1, 20))
def test_bits_are_those_of_the_slow_restatement(key, stream, count):
    numbers = bits(torch.tensor([key]), count, stream)[0].tolist()
    assert [number % 2**64 for number in numbers] == oracle.bits(key, sample_key(0, stream), count)


def test_the_oracle_itself_is_splitmix64():
    # The first numbers of the reference generator seeded with 0, as widely published.
    state, numbers = 0, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        numbers.append(oracle.finalized(state))
    assert numbers == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@settings(max_examples=50, deadline=None)
@given(key=any_key, count=st.integers(1, 9))
def test_uniform_and_normal_are_those_of_the_slow_restatement(key, count):
    keys, offset = torch.tensor([key]), sample_key(0, "draw")
    expected = [oracle.uniform(number) for number in oracle.bits(key, offset, count)]
    assert uniform(keys, (count,), "draw")[0].tolist() == expected

    half = (count + 1) // 2
    flat = [oracle.uniform(number) for number in oracle.bits(key, offset, 2 * half)]
    pairs = [oracle.normal_pair(flat[i], flat[half + i]) for i in range(half)]
    drawn = [number for pair in pairs for number in pair][:count]
    np.testing.assert_allclose(normal(keys, (count,), "draw")[0], drawn, rtol=1e-4, atol=1e-5)


def test_uniform_has_the_moments_of_the_uniform_distribution():
    numbers = uniform(torch.arange(500), (400,), "moments").double().flatten()
    assert numbers.min() >= 0 and numbers.max() < 1
    error = 5 / math.sqrt(len(numbers))
    for power in (1, 2, 3):
        assert (numbers**power).mean().item() == pytest.approx(1 / (power + 1), abs=error)
    counts = (numbers * 20).long().bincount()
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 60  # chi-square of 19 degrees: 60 is beyond one in a million


def test_normal_has_the_moments_of_the_normal_distribution():
    numbers = normal(torch.arange(500), (401,), "moments").double().flatten()
    assert numbers.isfinite().all()
    count = len(numbers)
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert (numbers**power).mean().item() == pytest.approx(expected, abs=5 * math.sqrt(variance / count))
    assert 4 < numbers.abs().max() < 6.5


def correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    return np.corrcoef(first.flatten().numpy(), second.flatten().numpy())[0, 1]


def test_streams_keys_and_positions_are_independent():
    keys = torch.arange(400)
    first, second = uniform(keys, (100,), "noise"), uniform(keys, (100,), "mask")
    bound = 5 / math.sqrt(first.numel())
    assert abs(correlation(first, second)) < bound
    assert abs(correlation(first[1:], first[:-1])) < bound
    assert abs(correlation(first[:, 1:], first[:, :-1])) < bound


def test_both_normals_of_a_pair_are_independent():
    pairs = normal(torch.arange(20_000), (2,), "pairs")
    assert abs(correlation(pairs[:, 0], pairs[:, 1])) < 5 / math.sqrt(20_000)
    assert abs(correlation(pairs[:, 0] ** 2, pairs[:, 1] ** 2)) < 5 / math.sqrt(20_000)


@pytest.mark.parametrize("draw", [uniform, normal])
def test_a_samples_numbers_depend_on_no_other_sample(draw):
    keys = torch.tensor([sample_key(0, "coco", str(i)) for i in range(8)])
    together = draw(keys, (3, 5), "noise")
    assert torch.equal(together[[6, 2]], draw(keys[[6, 2]], (3, 5), "noise"))
    assert len({tuple(row) for row in together.flatten(1).tolist()}) == 8


@settings(max_examples=60, deadline=None)
@given(low=st.integers(-(10**6), 10**6), span=st.integers(1, 2**24), key=any_key)
def test_integers_stay_in_their_range(low, span, key):
    numbers = integers(torch.tensor([key]), low, low + span, (50,), "range")
    assert numbers.dtype == torch.int64
    assert numbers.min() >= low and numbers.max() < low + span


def test_integers_reach_both_ends_alike():
    counts = integers(torch.arange(1000), 0, 7, (70,), "ends").flatten().bincount()
    assert len(counts) == 7 and (counts - 10_000).abs().max() < 5 * math.sqrt(10_000 * 6 / 7)


def test_shapes_follow_the_keys():
    keys = torch.arange(3)
    assert uniform(keys, (), "x").shape == (3,)
    assert normal(keys, (2, 3), "x").shape == (3, 2, 3)
    assert integers(keys, 0, 5, (4,), "x").shape == (3, 4)


def test_sample_keys_tell_seed_epoch_and_names_apart():
    keys = {
        sample_key(seed, *names, epoch=epoch)
        for seed in (0, 1, 10)
        for epoch in (0, 1, 10)
        for names in ((), ("a",), ("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""))
    }
    assert len(keys) == 3 * 3 * 6
    assert all(0 <= key < 2**63 for key in keys)


def test_a_sample_key_never_changes():
    # Runs that continue rely on it, and so do comparisons between runs.
    assert sample_key(0, "coco", "1234", epoch=3) == 9140629991669844829


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 3000), key=st.integers(0, 2**63 - 1))
def test_a_shuffled_range_has_each_number_once(size, key):
    order = shuffled(torch.arange(size), size, key)
    assert sorted(order.tolist()) == list(range(size))
    middle = torch.tensor([size // 2])
    assert shuffled(middle, size, key) == order[middle], "a place says what stands there, whatever else is asked"


def test_shuffled_places_are_independent_of_their_neighbours():
    size = 50_000
    first, second = (shuffled(torch.arange(size), size, key).double() / size for key in (1, 2))
    for one in (first, second):
        assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.02
        assert abs(np.corrcoef(one, np.arange(size))[0, 1]) < 0.02
        counts = np.histogram2d(one[1:], one[:-1], bins=8, range=[[0, 1], [0, 1]])[0]
        expected = size / 64
        assert ((counts - expected) ** 2 / expected).sum() < 120, "chi-square of 63 degrees of freedom; 1 in 10^5"
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_a_range_of_a_hundred_million_is_shuffled_without_being_made():
    places = torch.tensor([0, 1, 99_999_999])
    order = shuffled(places, 100_000_000, key=7)
    assert len(set(order.tolist())) == 3 and ((order >= 0) & (order < 100_000_000)).all()
