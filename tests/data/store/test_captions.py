import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreaminpainter.data.sources.base import HUMAN, Caption
from dreaminpainter.data.store import captions as module
from dreaminpainter.data.store.captions import CaptionShards, Named, StoredCaptions
from dreaminpainter.errors import InputError


def named(id: str, text: str, by: str = "blip", of: str = "picture") -> Named:
    return id, Caption(text, of, by)  # type: ignore[arg-type]


def written(folder: Path, *batches: list[Named], rank: int = 0) -> None:
    """Each batch by a run of its own."""
    for batch in batches:
        with CaptionShards(folder, rank) as shards:
            shards.write(batch)


def texts(folder: Path, id: str) -> list[str]:
    return [caption.text for caption in StoredCaptions(folder).of(id)]


def test_a_folder_that_is_not_there_holds_no_captions(tmp_path: Path) -> None:
    captions = StoredCaptions(tmp_path / "captions")
    assert captions.of("1") == [] and captions.ids("picture") == set() and list(captions) == []
    assert not (tmp_path / "captions").exists()


def test_a_persons_caption_comes_first_and_then_the_newest(tmp_path: Path) -> None:
    written(
        tmp_path,
        [named("1", "first", "a")],
        [named("1", "second", "b"), named("2", "other", "b")],
        [named("1", "person's", HUMAN)],
        [named("1", "third", "c"), named("1", "third of the crop", "c", "object")],
    )
    assert texts(tmp_path, "1") == ["person's", "third of the crop", "third", "second", "first"]
    assert texts(tmp_path, "2") == ["other"]
    assert StoredCaptions(tmp_path).of("1")[0] == Caption("person's", "picture", HUMAN)


def test_of_one_author_and_kind_the_newest_counts(tmp_path: Path) -> None:
    written(tmp_path, [named("1", "old")], [named("1", "older now"), named("1", "new")])
    assert texts(tmp_path, "1") == ["new"]


def test_who_is_captioned_can_be_asked_by_kind_and_author(tmp_path: Path) -> None:
    written(tmp_path, [named("1", "x", "a"), named("2", "x", "b"), named("3", "x", "a", "object")])
    captions = StoredCaptions(tmp_path)
    assert captions.ids("picture") == {"1", "2"}
    assert captions.ids("picture", by="a") == {"1"}
    assert captions.ids("object", by="b") == set()


rows = st.lists(
    st.tuples(
        st.sampled_from(["1", "10", "2", "ü"]),
        st.sampled_from(["picture", "object"]),
        st.text(max_size=3),
        st.sampled_from(["a", "b", HUMAN]),
    ),
    max_size=12,
)


@given(batches=st.lists(rows, max_size=5))
def test_any_history_gives_what_a_dict_would(batches, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("captions")
    newest: dict[tuple[str, str, str], tuple[int, str]] = {}
    age = 0
    for batch in filter(None, batches):
        written(folder, [named(id, text, by, of) for id, of, text, by in batch])
        for id, of, text, by in batch:
            age += 1
            newest[id, of, by] = age, text
    captions = StoredCaptions(folder)
    everything: list[Named] = []
    for id in sorted({id for id, _, _ in newest}, key=str.encode):
        mine = [(age, named(id, text, by, of)) for (one, of, by), (age, text) in newest.items() if one == id]
        mine.sort(key=lambda entry: (entry[1][1].by != HUMAN, -entry[0]))
        expected = [row for _, row in mine]
        assert captions.of(id) == [caption for _, caption in expected]
        everything += expected
    assert list(captions) == everything


def test_every_id_of_many_is_found_and_no_other(tmp_path: Path) -> None:
    ids = [str(number * 7919 % 10**6) for number in range(3000)]
    written(tmp_path, [named(id, f"of {id}") for id in ids[:1500]], [named(id, f"of {id}") for id in ids[1500:]])
    captions = StoredCaptions(tmp_path)
    assert all([one.text for one in captions.of(id)] == [f"of {id}"] for id in ids)
    assert captions.of("") == captions.of("1000001") == captions.of("zzz") == []


def test_opening_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "000001-x.parquet").write_bytes(b"broken")
    captions = StoredCaptions(tmp_path)
    with pytest.raises(InputError, match=r"000001-x.parquet.*Delete the file"):
        captions.of("1")


def test_a_shard_with_other_columns_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "caption": ["x"]}), tmp_path / "000001-x.parquet")
    with pytest.raises(InputError, match=r"000001-x.parquet has the columns id, caption.*id, of, text, by"):
        StoredCaptions(tmp_path).of("1")


def test_processes_and_commands_at_the_same_time_write_different_shards(tmp_path: Path) -> None:
    writers = [CaptionShards(tmp_path, rank) for rank in (0, 1, 0)]
    for place, writer in enumerate(writers):
        writer.write([named(str(place), "x")])
    names = sorted(path.name.rpartition("-")[0] for path in tmp_path.iterdir())
    assert names == ["000001-00000-00000000", "000001-00000-00000000", "000001-00001-00000000"]
    for writer in writers:
        writer.close()
    assert StoredCaptions(tmp_path).ids("picture") == {"0", "1", "2"}


def test_small_shards_are_put_together_as_they_grow_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PARTS", 4)
    shards = CaptionShards(tmp_path)
    for number in range(10):
        shards.write([named(str(number % 7), f"text {number}")])
    assert len(list(tmp_path.iterdir())) == 4  # two of four, and two
    expected = {str(number % 7): f"text {number}" for number in range(10)}
    assert {id: caption.text for id, caption in StoredCaptions(tmp_path)} == expected
    shards.close()
    assert len(list(tmp_path.iterdir())) == 1
    assert {id: caption.text for id, caption in StoredCaptions(tmp_path)} == expected


def test_a_writer_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    with CaptionShards(tmp_path / "captions"):
        pass
    assert not (tmp_path / "captions").exists()


def test_a_shard_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = CaptionShards(tmp_path)
    shards.write([named("1", "kept")])

    def half_written(table: pa.Table, path: Path, **settings: object) -> None:
        Path(path).write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", half_written)
    with pytest.raises(KeyboardInterrupt):
        shards.write([named("2", "lost")])
    assert [id for id, _ in StoredCaptions(tmp_path)] == ["1"]


def test_killed_while_shards_are_put_together_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = CaptionShards(tmp_path)
    for number in range(5):
        shards.write([named(str(number), "x"), named("again", f"{number}")])
    removed: list[Path] = []

    def killed(path: Path, missing_ok: bool = False) -> None:
        if missing_ok and not path.exists():
            return
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        os.remove(path)  # noqa: PTH107  Path.unlink is what is replaced

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        shards.close()
    monkeypatch.undo()
    assert StoredCaptions(tmp_path).ids("picture") == {"0", "1", "2", "3", "4", "again"}
    assert texts(tmp_path, "again") == ["4"]


def test_a_reader_lists_anew_what_was_just_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = CaptionShards(tmp_path)
    shards.write([named("1", "x")])
    shards.write([named("2", "x")])
    listed = module._shards

    def list_then_close(folder: Path) -> list[Path]:
        paths = listed(folder)
        shards.close()
        return paths

    monkeypatch.setattr(module, "_shards", list_then_close)
    assert StoredCaptions(tmp_path).ids("picture") == {"1", "2"}
