from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from dreaminpainter.data.dataset import Pick
from dreaminpainter.data.resuming import ResumableLoader, batches_done
from dreaminpainter.data.sampling import Merged


class Echo(Dataset[Pick]):
    """Gives back what it was asked for."""

    def __getitem__(self, pick: Pick) -> Pick:
        return pick


def loader(workers: int) -> ResumableLoader:
    return ResumableLoader(
        Echo(),
        sampler=Merged({"a": 11, "b": 6}, {"a": 2.0, "b": 1.0}, samples_per_step=3),
        batch_size=3,
        drop_last=True,
        collate_fn=list,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context="fork" if workers else None,
    )


def epoch_of(one: ResumableLoader, epoch: int) -> list[list[Pick]]:
    one.sampler.set_epoch(epoch)
    return list(one)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_goes_on_exactly_where_its_state_was_taken(workers) -> None:
    reference = loader(0)
    truth = [epoch_of(reference, epoch) for epoch in range(4)]
    assert [len(batches) for batches in truth] == [6] * 4

    first = loader(workers)
    assert epoch_of(first, 0) == truth[0]
    first.sampler.set_epoch(1)
    started = iter(first)
    assert list(islice(started, 2)) == truth[1][:2]
    state = first.state_dict()

    resumed = loader(workers)
    resumed.load_state_dict(state)
    assert len(resumed) == 6, "the length is the epoch's, or Lightning's progress and the epoch's end shift"
    assert epoch_of(resumed, 1) == truth[1][2:]
    assert epoch_of(resumed, 2) == truth[2]
    assert epoch_of(resumed, 3) == truth[3]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_stopped_at_an_epochs_end_begins_the_next_one(workers) -> None:
    first = loader(workers)
    epoch_of(first, 0)
    state = first.state_dict()
    assert (state["epoch"], state["batches"]) == (0, 6)
    resumed = loader(workers)
    resumed.load_state_dict(state)
    assert epoch_of(resumed, 1) == epoch_of(loader(0), 1)


def test_the_state_counts_what_was_handed_out_also_after_a_second_stop() -> None:
    truth = epoch_of(loader(0), 3)
    first = loader(0)
    first.sampler.set_epoch(3)
    list(islice(iter(first), 1))
    state = first.state_dict()
    for stop in (2, 3):
        resumed = loader(0)
        resumed.load_state_dict(state)
        assert list(islice(iter(resumed), 1)) == truth[stop - 1 : stop]
        state = resumed.state_dict()
        assert (state["epoch"], state["batches"]) == (3, stop)


@pytest.mark.parametrize("handed_out", [2, 6])
def test_a_state_of_before_the_first_batch_tells_what_was_loaded(handed_out) -> None:
    """As within a validation that a run begins with when it was stopped in it."""
    first = loader(0)
    first.sampler.set_epoch(1)
    started = iter(first)
    list(islice(started, handed_out))
    state = first.state_dict()
    resumed = loader(0)
    resumed.load_state_dict(state)
    iter(resumed)  # Lightning asks for it ahead of that validation
    assert resumed.state_dict() == state
    resumed.sampler.set_epoch(2)
    assert (resumed.state_dict()["epoch"], resumed.state_dict()["batches"]) == (2, 0)


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
"""Processes, samples a batch, batches a step."""


def processes(sizes: dict[str, int], shape: tuple[int, int, int]) -> list[ResumableLoader]:
    count, batch_size, accumulated = shape
    per_step = batch_size * accumulated
    return [
        ResumableLoader(
            Echo(),
            sampler=Merged(sizes, None, None, 0, rank, count, per_step),
            batch_size=batch_size,
            drop_last=True,
            collate_fn=list,
        )
        for rank in range(count)
    ]


def place(state: dict[str, int]) -> tuple[int, int]:
    """The epoch, and how many samples of the run came before."""
    return state["epoch"], state["start"] + state["batches"] * state["samples_per_batch"]


@settings(max_examples=30)
@given(
    sizes=st.dictionaries(st.sampled_from("ab"), st.integers(1, 30), min_size=1),
    before=SHAPES,
    now=SHAPES,
    epoch=st.integers(0, 2),
    data=st.data(),
)
def test_other_processes_and_batches_go_on_without_repeating_or_leaving_out(sizes, before, now, epoch, data) -> None:
    first, then = processes(sizes, before), processes(sizes, now)
    seen = [pick for one in first for number in range(epoch) for batch in epoch_of(one, number) for pick in batch]
    stop = before[2] * data.draw(st.integers(1, len(first[0]) // before[2]))
    for one in first:
        one.sampler.set_epoch(epoch)
        seen += [pick for batch in islice(iter(one), stop) for pick in batch]
    state = first[0].state_dict() | {"step": epoch * len(first[0]) // before[2] + stop // before[2]}

    done = batches_done(state, then[0].sampler, now[1])
    assert done % now[2] == 0, "within an accumulation"
    assert (done == len(then[0])) == (stop == len(first[0]))
    if now == before:
        assert done == stop
    for one in then:
        one.load_state_dict(dict(state))
        assert place(one.state_dict()) == place(state)
        rest = epoch_of(one, epoch) if done < len(one) else []
        assert len(rest) == len(one) - done
        later = [*rest, *epoch_of(one, epoch + 1)]
        assert [batch[0].step for batch in later] == [state["step"] + number // now[2] for number in range(len(later))]
        seen += [pick for batch in later for pick in batch]
    stream = Merged(sizes)
    rounds = []
    for number in range(len(seen) // len(stream) + 1):
        stream.set_epoch(number)
        rounds += list(stream)
    assert Counter(seen) == Counter(rounds[: len(seen)])
