import multiprocessing
import os
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import torch
from datasets import load_dataset
from listening import SavedEverywhere, heard
from ranks import PATIENCE, environment, free_port
from torch.utils.data._utils.worker import WorkerInfo

from dreaminpainter.components import Component, describe, make
from dreaminpainter.data.captioning import DatasetCaptioner, StoredCaptioner
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.masking import BoxMask
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.shards import ShardStream
from dreaminpainter.data.sources import CrittersSource
from dreaminpainter.data.sources.base import HUMAN, Caption
from dreaminpainter.data.store import PreparedSource, prepare, publishing
from dreaminpainter.data.store.captions import CaptionShards
from dreaminpainter.data.store.publishing import write_parquet
from dreaminpainter.data.stream_loader import StreamLoader
from dreaminpainter.data.streaming import StreamedBatches
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.types import Batch

COUNT = 22


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """datasets 5 waits five seconds after each pass for Arrow's threads to end, so that a program may end then."""
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0.01, raising=False)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 objects in files of 4."""
    folder = tmp_path_factory.mktemp("shards")
    prepare(CrittersSource(size=32, reference_size=32, count=COUNT, supersample=1), folder, num_workers=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "_SHARD", 4)
        assert len(write_parquet(PreparedSource(str(folder)))) == 6
    return folder


def maker() -> SampleMaker:
    return SampleMaker((32, 32), 32, BoxMask(), DatasetCaptioner(choice="first"))


def batches(shards: Path, rank: int = 0, world_size: int = 1, **settings: Any) -> StreamedBatches:
    stream = ShardStream(str(shards), buffer_size=5)
    return StreamedBatches({"a": stream}, None, maker(), 3, endless=False, rank=rank, world_size=world_size)


def as_made(batch: Batch) -> Batch:
    return batch


@pytest.mark.parametrize(
    ("world_size", "workers"), [(1, 0), (2, 0), (4, 0), pytest.param(2, 2, marks=pytest.mark.slow)]
)
def test_each_object_comes_once_whichever_process_and_worker_reads_it(shards, world_size, workers) -> None:
    seen: list[str] = []
    for rank in range(world_size):
        loader = StreamLoader(batches(shards, rank, world_size), None, num_workers=workers, collate_fn=as_made)
        seen += [name for batch in loader for name in batch.id]
    assert sorted(seen) == sorted(f"train-0-{number}" for number in range(COUNT))


def test_streamed_samples_are_those_of_the_prepared_source(shards) -> None:
    own = {instance.id: instance for instance in PreparedSource(str(shards))}
    for batch in batches(shards):
        for row, name in enumerate(batch.id):
            expected = maker()([own[name]], ["a"], [0])
            assert torch.equal(batch.image[row], expected.image[0])
            assert torch.equal(batch.mask[row], expected.mask[0])
            assert torch.equal(batch.reference.pixels[row], expected.reference.pixels[0])
            assert batch.caption[row] == expected.caption[0]


def test_captions_that_were_written_come_with_the_stream(tmp_path: Path) -> None:
    prepare(CrittersSource(size=32, reference_size=32, count=3, supersample=1), tmp_path, num_workers=0)
    by_hand = Caption("a critter of mine", of="picture", by=HUMAN)
    settings = {"captioner": StoredCaptioner(), "weights": None, "batch_size": 1}
    write_parquet(PreparedSource(str(tmp_path)))
    with pytest.raises(InputError, match=r"no written caption of the picture(.|\n)*delete DIR/parquet"):
        ids(module(tmp_path, **settings).train_dataloader())
    with CaptionShards(tmp_path / "captions") as captions:
        captions.write([(f"train-0-{number}", Caption(f"number {number}", "picture", "blip")) for number in range(3)])
        captions.write([("train-0-1", by_hand), ("train-0-1", Caption("of the object", "object", "blip"))])
    shutil.rmtree(tmp_path / "parquet")
    write_parquet(PreparedSource(str(tmp_path)))
    told = {batch.id[0]: batch.caption[0] for batch in module(tmp_path, **settings).train_dataloader()}
    assert told == {"train-0-0": "number 0", "train-0-1": by_hand.text, "train-0-2": "number 2"}
    rows = ShardStream(str(tmp_path)).rows(0)
    own = {instance.id: instance.written for instance in PreparedSource(str(tmp_path))}
    assert {row["id"]: [Caption(**one) for one in row["written"]] for row in rows} == own


def module(shards: Path, **settings: Any) -> InpaintingDataModule:
    defaults: dict[str, Any] = {
        "train": {},
        "streams": {"a": ShardStream(str(shards), buffer_size=5)},
        "validation": {"a": CrittersSource(size=32, reference_size=32, count=2)},
        "height": 32,
        "width": 32,
        "reference_size": 32,
        "batch_size": 3,
        "num_workers": 0,
    }
    return InpaintingDataModule(**(defaults | settings))


def ids(loader: Any) -> list[str]:
    return [name for batch in loader for name in batch.id]


def test_every_epoch_has_another_order_and_all_objects(shards) -> None:
    loader = module(shards).train_dataloader()
    first, second = ids(loader), ids(loader)
    assert sorted(first) == sorted(second) and first != second
    assert ids(module(shards).train_dataloader()) == first
    assert ids(module(shards, seed=1).train_dataloader()) != first


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_stream_goes_on_where_its_state_was_taken(shards, workers) -> None:
    settings = {"num_workers": workers, "samples_per_epoch": 12}
    whole = [ids([batch]) for _ in range(2) for batch in module(shards, **settings).train_dataloader()]
    reference = module(shards, **settings).train_dataloader()
    epochs = [[ids([batch]) for batch in reference] for _ in range(2)]
    assert [len(epoch) for epoch in epochs] == [4, 4] and epochs[0] == whole[:4]

    started = module(shards, **settings).train_dataloader()
    handed_out = iter(started)
    assert ids([next(handed_out)]) == epochs[0][0]
    state = started.state_dict()
    assert (state["epoch"], state["batches"]) == (0, 1)
    resumed = module(shards, **settings).train_dataloader()
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert [ids([batch]) for batch in resumed] == epochs[0][1:]
    assert [ids([batch]) for batch in resumed] == epochs[1]


def test_samples_per_epoch_may_be_more_than_there_are(shards) -> None:
    seen = Counter(ids(module(shards, samples_per_epoch=42).train_dataloader()))
    assert sum(seen.values()) == 42 and set(seen) == {f"train-0-{number}" for number in range(COUNT)}


def test_weights_decide_how_often_each_stream_comes(shards) -> None:
    streams = {name: ShardStream(str(shards), buffer_size=5) for name in "ab"}
    settings = {"streams": streams, "weights": {"a": 3.0}, "samples_per_epoch": 400, "batch_size": 20}
    names = [name for batch in module(shards, **settings).train_dataloader() for name in batch.source]
    assert 0.66 < names.count("a") / len(names) < 0.84


@pytest.mark.parametrize("weights", [None, {"a": 1.0, "few": 5.0}])
def test_no_sample_comes_twice_within_or_across_epochs(shards, weights) -> None:
    """A stream that began again, whether another is longer or the epoch is, has keys of its own."""
    few = ShardStream(f"{shards}/parquet/train-00000*.parquet", buffer_size=5)
    settings = {"streams": {"a": ShardStream(str(shards), buffer_size=5), "few": few}, "weights": weights}
    loader = module(shards, **settings, samples_per_epoch=66).train_dataloader()
    # The objects of "few" are among those of "a", and may share a sample with them.
    samples = [one for _ in range(2) for batch in loader for one in zip(batch.source, batch.key.tolist(), strict=True)]
    assert len(set(samples)) == len(samples) == 132
    assert sum(name == "few" for name, _ in samples) > 8


def test_there_are_no_more_workers_than_files_to_read(shards) -> None:
    one = {"streams": {"a": ShardStream(f"{shards}/parquet/train-00000*.parquet")}}
    for settings, expected in ((one, 1), ({}, 6)):
        loader = module(shards, **settings, num_workers=8, samples_per_epoch=6).train_dataloader()
        assert loader.num_workers == expected
    assert module(shards, **one, samples_per_epoch=6).train_dataloader().num_workers == 0


def test_a_worker_without_a_part_of_any_stream_ends(shards, monkeypatch) -> None:
    stream = {"a": ShardStream(f"{shards}/parquet/train-00000*.parquet")}
    for weights in (None, {"a": 1.0}):
        endless = StreamedBatches(stream, weights, maker(), 3, endless=True)
        second = WorkerInfo(id=1, num_workers=2, seed=0, dataset=endless)
        monkeypatch.setattr(torch.utils.data._utils.worker, "_worker_info", second)
        assert list(endless) == []


@pytest.mark.slow
def test_one_file_is_trained_on_with_more_workers_than_it_can_give_work(shards) -> None:
    streams = {"a": ShardStream(f"{shards}/parquet/train-00000*.parquet", buffer_size=5)}
    loader = module(shards, streams=streams, num_workers=2, samples_per_epoch=9).train_dataloader()
    assert len(ids(loader)) == 9


@pytest.mark.parametrize(("before", "now"), [(4, 2), (2, 4), (None, None)])
def test_other_processes_go_on_from_the_end_of_an_epoch_and_are_refused_within_one(shards, before, now) -> None:
    def loader(world_size: int, length: int | None) -> StreamLoader:
        return StreamLoader(batches(shards, 0, world_size), length, collate_fn=as_made)

    first = loader(1, before)
    started = iter(first)
    for _ in range(2):  # as many as an epoch of the others has, where that is 2
        next(started)
    if before != 2:
        with pytest.raises(SettingError, match=r"the processes \(then 1, now 2\).*--model.init_from"):
            loader(2, now).load_state_dict(first.state_dict())
        assert len(list(started)) == (6 if before is None else 2)
    others, same = loader(2, now), loader(2, now)
    others.load_state_dict(first.state_dict())
    list(same)
    assert ids(others) == ids(same), "the second epoch from its start"


@pytest.mark.parametrize(
    ("samples", "limit", "length"), [(6, None, 2), (None, None, 4), (None, 2, 2), (12, 2, 2), (12, 0.5, 2)], ids=str
)
def test_training_on_a_stream_goes_on_exactly_from_wherever_it_was_saved(
    shards, tmp_path: Path, samples, limit, length
) -> None:
    def data() -> InpaintingDataModule:
        return module(shards, samples_per_epoch=samples, batch_size=3 if length == 2 else 6)

    whole = heard(data(), SavedEverywhere(tmp_path), limit_train_batches=limit)
    assert [epoch for epoch, _ in whole] == [number // length for number in range(3 * length)]
    assert len({names for _, names in whole}) == len(whole)
    saved = sorted(tmp_path.iterdir())
    assert len(saved) == 3 * length + 6
    for path in saved:
        if int(path.name[:2]) in range(1, 2 * length + 1):
            assert heard(data(), start=path, limit_train_batches=limit) == whole[int(path.name[:2]) :], path.name


def _heard_by(rank: int, port: int, shards: Path) -> list[Any]:
    os.environ |= environment(rank, 2, port)
    return heard(module(shards, samples_per_epoch=20, batch_size=2), strategy="ddp", devices=2)


@pytest.mark.slow
def test_two_processes_train_on_a_stream_each_on_its_own_part(shards) -> None:
    """Not as forks of this one, which Arrow's threads do not survive."""
    port = free_port()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        parts = list(processes.map(_heard_by, (0, 1), (port, port), (shards, shards), timeout=5 * PATIENCE))
    for epoch in range(3):
        names = [name for part in parts for number, batch in part if number == epoch for name in batch]
        assert len(names) == len(set(names)) == 20, "of 22, in ten batches of 2"
    orders = [[names for number, names in parts[0] if number == epoch] for epoch in range(3)]
    assert len({tuple(order) for order in orders}) == 3


def test_streams_without_an_object_are_an_error(shards, tmp_path: Path) -> None:
    part = load_dataset("parquet", data_files=f"{shards}/parquet/train-00000-of-00006.parquet", split="train")
    part.select([]).to_parquet(str(tmp_path / "empty.parquet"))
    streams = {"a": ShardStream(str(tmp_path / "empty.parquet"))}
    with pytest.raises(InputError, match=r"No object came from data\.streams \(a\)"):
        ids(module(shards, streams=streams, samples_per_epoch=6).train_dataloader())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"weights": {"b": 1.0}}, "data.weights names b; the sources are: a"),
        ({"weights": {"a": 0.0}}, "weights must be 0 or more, and one of them above 0"),
        ({"weights": {"a": -2.0}}, "weights must be 0 or more"),
        ({"weights": {"a": float("nan")}}, "weights must be 0 or more"),
        ({"samples_per_epoch": 2}, "An epoch has 2 samples a process and data.batch_size is 3"),
    ],
)
def test_weights_and_epochs_that_make_no_sense_are_refused(shards, settings, told) -> None:
    with pytest.raises(SettingError, match=told):
        module(shards, **settings).train_dataloader()


def test_streams_without_weights_have_each_object_once(shards) -> None:
    loader = module(shards, streams={name: ShardStream(str(shards), buffer_size=5) for name in "ab"}).train_dataloader()
    seen = Counter((source, name) for batch in loader for source, name in zip(batch.source, batch.id, strict=True))
    assert set(seen.values()) == {1} and len(seen) == 2 * COUNT


def test_what_has_no_shards_is_told_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="--parquet true"):
        ShardStream(str(tmp_path)).paths()
    with pytest.raises(MissingFileError, match="nothing"):
        ids(module(tmp_path, streams={"a": ShardStream(str(tmp_path / "nothing*.parquet"))}).train_dataloader())


def test_shards_of_an_older_schema_are_refused(tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"id": ["1"], "image": [None]}).to_parquet(str(tmp_path / "old.parquet"))
    with pytest.raises(InputError, match=r"old\.parquet lacks the columns area, attributes.*Prepare it again"):
        ShardStream(str(tmp_path / "old.parquet")).rows(0)


@pytest.mark.parametrize("older", [[0], [1], [0, 1]], ids=["the first", "the second", "both"])
def test_files_from_before_details_were_marked_are_read_beside_newer_ones(shards, tmp_path: Path, older) -> None:
    for number in (0, 1):
        rows = pq.read_table(sorted((shards / "parquet").glob("*.parquet"))[number])
        kept = rows.drop_columns(["detail_mask"]) if number in older else rows
        pq.write_table(kept, tmp_path / f"{number}.parquet")
    rows = list(ShardStream(str(tmp_path / "*.parquet")).rows(0))
    assert len(rows) == 8
    assert sum(row.get("detail_mask") is None for row in rows) == 4 * len(older)


def test_a_file_that_is_no_parquet_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"torn.parquet cannot be read as Parquet"):
        ShardStream(str(tmp_path / "*.parquet")).rows(0)


def test_settings_that_make_no_sense_are_refused(shards) -> None:
    with pytest.raises(SettingError, match="one of the two"):
        module(shards, train={"a": CrittersSource()})
    with pytest.raises(SettingError, match=r"data\.validation is missing"):
        module(shards, validation=None)
    with pytest.raises(SettingError, match="buffer_size is 0"):
        ShardStream("x", buffer_size=0)


def test_a_stream_can_be_written_down_and_told_apart(shards, tmp_path: Path) -> None:
    stream = ShardStream(str(shards), 7)
    assert describe(make(describe(stream), Component)) == describe(stream)
    hashes = {module(shards).manifest_hash(), module(shards, seed=3).manifest_hash()}
    assert len(hashes) == 1
    pattern = f"{shards}/parquet/train-0000[0-2]*.parquet"
    assert module(shards, streams={"a": ShardStream(pattern)}).manifest_hash() not in hashes


def test_published_files_show_their_pictures_and_keep_every_row(shards) -> None:
    files = [str(path) for path in sorted((shards / "parquet").iterdir())]
    rows = load_dataset("parquet", data_files=files, split="train")
    assert isinstance(rows.features["image"], datasets.Image)
    assert rows[0]["image"].size == (32, 32)
    own = PreparedSource(str(shards)).rows
    plain = rows.cast_column("image", datasets.Image(decode=False)).cast_column(
        "reference", datasets.Image(decode=False)
    )
    assert plain.remove_columns("written").to_list() == own.to_list()
    assert plain["written"][:] == [None] * COUNT


def test_writing_files_goes_on_where_it_was_and_changes_nothing(shards) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "_SHARD", 4)
        first = shards / "parquet" / "train-00000-of-00006.parquet"
        before, changed = first.read_bytes(), first.stat().st_mtime_ns
        (shards / "parquet" / "train-00003-of-00006.parquet").unlink()
        assert len(write_parquet(PreparedSource(str(shards)))) == 6
    assert (first.read_bytes(), first.stat().st_mtime_ns) == (before, changed)
    assert len(list((shards / "parquet").iterdir())) == 6
