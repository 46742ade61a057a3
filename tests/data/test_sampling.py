from collections import Counter
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreaminpainter.data.dataset import Pick
from dreaminpainter.data.sampling import Merged
from dreaminpainter.errors import SettingError

SIZES = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 30), min_size=1)
WEIGHTS = st.sampled_from([0.0, 0.1, 1.0, 1.5, 7.0])


def epochs(sampler: Merged, count: int) -> Iterator[list[Pick]]:
    for epoch in range(count):
        sampler.set_epoch(epoch)
        yield list(sampler)


@settings(max_examples=25)
@given(sizes=SIZES, data=st.data(), per_epoch=st.integers(1, 40))
def test_every_source_gets_exactly_its_share_in_the_long_run(sizes, data, per_epoch) -> None:
    weights = {name: data.draw(WEIGHTS) for name in sizes}
    weights[data.draw(st.sampled_from(sorted(sizes)))] = 2.0
    sampler = Merged(sizes, weights, per_epoch)
    seen: Counter[str] = Counter()
    for number, picks in enumerate(epochs(sampler, 30), start=1):
        assert len(picks) == len(sampler) == per_epoch
        of_epoch = Counter(pick.source for pick in picks)
        seen += of_epoch
        for name, weight in weights.items():
            share = weight / sum(weights.values()) * per_epoch
            assert abs(of_epoch[name] - share) < 1 + 1e-4
            assert abs(seen[name] - share * number) < 3, "the roundings of the epochs add up"


@settings(max_examples=25)
@given(
    sizes=SIZES, weights=st.none() | st.fixed_dictionaries({}, optional=dict.fromkeys("abcd", WEIGHTS)), data=st.data()
)
def test_no_instance_comes_again_before_all_of_its_source_have_come(sizes, weights, data) -> None:
    if weights is not None:
        weights = {name: weight for name, weight in weights.items() if name in sizes} | {min(sizes): 1.0}
    sampler = Merged(sizes, weights, data.draw(st.integers(1, 40)))
    seen: Counter[tuple[str, int]] = Counter()
    for picks in epochs(sampler, 8):
        seen += Counter((pick.source, pick.index) for pick in picks)
        for name, size in sizes.items():
            times = [seen[name, index] for index in range(size)]
            assert max(times) - min(times) <= 1


@settings(max_examples=25)
@given(sizes=SIZES, data=st.data(), per_epoch=st.integers(1, 90), world_size=st.integers(1, 3))
def test_no_pick_comes_twice_within_or_across_epochs_of_any_length(sizes, data, per_epoch, world_size) -> None:
    weights = {name: data.draw(WEIGHTS) for name in sizes} | {min(sizes): 1.0}
    ranks = [Merged(sizes, weights, per_epoch, rank=rank, world_size=world_size) for rank in range(world_size)]
    seen = [pick for sampler in ranks for picks in epochs(sampler, 6) for pick in picks]
    assert len(set(seen)) == len(seen)


def test_an_instance_that_comes_often_counts_the_passes_over_its_source() -> None:
    sampler = Merged({"coco": 1000, "mine": 5}, {"coco": 1, "mine": 1}, 1000)
    first, second = ([pick for pick in picks if pick.source == "mine"] for picks in epochs(sampler, 2))
    assert set(first) == {Pick("mine", index, epoch) for index in range(5) for epoch in range(100)}
    assert set(second) == {Pick("mine", index, epoch) for index in range(5) for epoch in range(100, 200)}


@given(sizes=SIZES, epoch=st.integers(0, 5))
def test_without_weights_an_epoch_has_every_instance_once(sizes, epoch) -> None:
    sampler = Merged(sizes)
    sampler.set_epoch(epoch)
    assert set(sampler) == {Pick(name, index, epoch) for name, size in sizes.items() for index in range(size)}
    assert len(list(sampler)) == len(sampler) == sum(sizes.values())


def test_a_source_without_a_weight_counts_as_one_and_weight_zero_leaves_out() -> None:
    sampler = Merged({"a": 5, "b": 50, "c": 500}, {"b": 3.0, "c": 0.0}, samples_per_epoch=40)
    assert Counter(pick.source for pick in sampler) == {"a": 10, "b": 30}
    assert len(Merged({"a": 5, "b": 50}, {"b": 0.0})) == 5


def test_an_empty_source_does_no_harm_where_it_is_not_asked_for() -> None:
    assert len(list(Merged({"a": 5, "b": 0}))) == 5
    assert len(list(Merged({"a": 5, "b": 0}, {"b": 0}))) == 5


def test_orders_differ_between_epochs_and_seeds_and_agree_between_runs() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = Merged({"a": 100}, seed=seed)
        sampler.set_epoch(epoch)
        return [pick.index for pick in sampler]

    assert order(0, 0) == order(0, 0)
    orders = [order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)] + [list(range(100))]
    assert len({tuple(one) for one in orders}) == 5


def test_neither_the_mixture_nor_a_part_of_a_source_comes_again() -> None:
    mixtures = [[pick.source for pick in picks] for picks in epochs(Merged({"a": 30, "b": 30}), 3)]
    assert mixtures[0] != mixtures[1] != mixtures[2] != mixtures[0]
    quarters = [{pick.index for pick in picks} for picks in epochs(Merged({"a": 40}, samples_per_epoch=10), 8)]
    assert set.union(*quarters[:4]) == set.union(*quarters[4:]) == set(range(40))
    assert quarters[:4] != quarters[4:]


def test_sources_are_mixed_within_an_epoch() -> None:
    sources = [pick.source for pick in Merged({"a": 100, "b": 100})]
    assert 30 < Counter(sources[:100])["a"] < 70


def run(sizes, settings, world_size, per_step, epochs_) -> list[Pick]:
    """What all processes together are given in some epochs, in the order of the steps."""
    ranks = [Merged(sizes, *settings, 0, rank, world_size, per_step) for rank in range(world_size)]
    by_rank = [list(chain(*epochs(sampler, epochs_))) for sampler in ranks]
    assert len({len(picks) for picks in by_rank}) == 1, "one has more than another, and would wait for it"
    return list(chain(*zip(*by_rank, strict=True)))


@settings(max_examples=15)
@given(
    sizes=SIZES,
    data=st.data(),
    per_epoch=st.none() | st.integers(5, 40),
    world_size=st.integers(1, 5),
    per_step=st.integers(1, 6),
)
def test_over_ranks_and_epochs_no_sample_is_repeated_or_left_out(sizes, data, per_epoch, world_size, per_step) -> None:
    weights = data.draw(st.none() | st.just({name: data.draw(WEIGHTS) for name in sizes} | {min(sizes): 1.0}))
    picks = run(sizes, (weights, per_epoch), world_size, per_step, 3)
    rounds = len(picks) // len(Merged(sizes, weights, per_epoch)) + 1
    assert picks == run(sizes, (weights, per_epoch), 1, 1, rounds)[: len(picks)], "the same as in one process"
    steps = [pick.step for pick in picks]
    assert steps == [place // (per_step * world_size) for place in range(len(picks))]
    if weights is None and per_epoch is None:
        whole = sum(sizes.values())
        for first in range(0, len(picks) - whole + 1, whole):
            assert len({(pick.source, pick.index) for pick in picks[first : first + whole]}) == whole


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"c": 1.0}, "names c; the sources are: a, b"),
        ({"a": -1.0}, "weights must be 0 or more"),
        ({"a": 0.0, "b": 0.0}, "one of them above 0"),
        ({"b": 1.0}, "The source 'b' has a weight and no instances"),
    ],
)
def test_weights_that_make_no_sense_are_refused_and_named(weights, told) -> None:
    with pytest.raises(SettingError, match=told):
        Merged({"a": 3, "b": 0}, weights)
