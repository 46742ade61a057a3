from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreaminpainter.data.dataset import Pick
from dreaminpainter.data.in_order import InOrder
from dreaminpainter.errors import SettingError

SIZES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 30), min_size=1)


def picks(batches: InOrder) -> list[Pick]:
    return list(chain(*batches))


@given(
    sizes=SIZES,
    batch_size=st.integers(1, 5),
    limit=st.none() | st.integers(1, 60),
    world_size=st.integers(1, 5),
)
def test_processes_share_all_of_it_in_as_many_batches_without_overlap_or_loss(
    sizes, batch_size, limit, world_size
) -> None:
    whole = picks(InOrder(sizes, batch_size, limit))
    assert len(set(whole)) == len(whole) == min(sum(sizes.values()), limit or 1000)
    if 0 < len(whole) < world_size:
        with pytest.raises(SettingError, match=f"{len(whole)} validation or test samples for {world_size} processes"):
            InOrder(sizes, batch_size, limit, 0, world_size)
        return
    parts = [InOrder(sizes, batch_size, limit, rank, world_size) for rank in range(world_size)]
    assert {len(list(part)) for part in parts} == {len(parts[0])}
    steps = [list(chain(*step)) for step in zip(*parts, strict=True)]
    assert list(chain(*steps)) == whole, "each step has the samples that come next, whoever takes them"
    sizes_of_batches = [len(batch) for part in parts for batch in part]
    assert all(1 <= size <= max(batch_size, 2 if world_size > 1 else 1) for size in sizes_of_batches)


@given(count=st.integers(0, 30), batch_size=st.integers(1, 5))
def test_one_process_has_full_batches_and_what_is_left(count, batch_size) -> None:
    expected = [list(range(start, min(start + batch_size, count))) for start in range(0, count, batch_size)]
    assert [[pick.index for pick in batch] for batch in InOrder({"a": count}, batch_size)] == expected


def test_all_come_in_order_and_a_limit_spreads_over_all() -> None:
    assert picks(InOrder({"a": 2, "b": 1})) == [Pick("a", 0, 0), Pick("a", 1, 0), Pick("b", 0, 0)]
    spread = picks(InOrder({"a": 50, "b": 50}, limit=10))
    assert [(pick.source, pick.index) for pick in spread] == [
        (name, index) for name in "ab" for index in range(0, 50, 10)
    ]
    assert len(InOrder({"a": 3}, limit=10)) == 3
