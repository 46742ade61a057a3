import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from killing import in_fork

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.commands.jobs import write_results
from dreaminpainter.data.captioning import ClassNameCaptioner
from dreaminpainter.data.masking import BoxMask
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.segmenting import UniversalSegmenter
from dreaminpainter.data.sources import Caption, CrittersSource
from dreaminpainter.data.sources.segmented import SegmentedPictures
from dreaminpainter.data.store import PreparedSource, prepare
from dreaminpainter.data.store.captions import CaptionShards, StoredCaptions
from dreaminpainter.data.store.captions_csv import export_captions
from dreaminpainter.data.store.latents import LatentCache
from dreaminpainter.data.store.publishing import write_parquet
from dreaminpainter.exporting import export

DAY = 24 * 60 * 60


def write_half(path: Path, error: type[BaseException]) -> None:
    with whole(path) as beside:
        beside.mkdir()
        (beside / "one").touch()
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_error_leaves_nothing_behind_and_what_was_there_as_it_was(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("before")
    with pytest.raises(error):
        write_half(path, error)
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "before"


def killed(path: Path) -> Path:
    """What a process left that was killed while it wrote `path`."""
    writing = (
        "import os, sys, pathlib; from dreaminpainter.atomic import whole\n"
        "with whole(pathlib.Path(sys.argv[1])) as beside:\n    beside.write_text('half'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", writing, str(path)], check=False).returncode == 9
    (leftover,) = path.parent.glob(f"{path.name}.*.tmp")
    return leftover


@pytest.mark.skipif(os.name != "posix", reason="whether a process is alive is asked of POSIX systems alone")
def test_what_dead_processes_were_writing_is_swept_and_nothing_else(tmp_path: Path) -> None:
    leftover = killed(tmp_path / "notes.txt")
    mine = tmp_path / "mine.tmp"
    mine.touch()
    alive = leftover.with_name(leftover.name.replace(leftover.suffixes[-2], f".{os.getppid()}"))
    elsewhere = [tmp_path / f"other-{age}.txt.elsewhere.7.tmp" for age in (0, 2)]
    for path in (alive, *elsewhere):
        path.touch()
    os.utime(elsewhere[1], (0, time.time() - 2 * DAY))
    sweep(tmp_path, "[!n]*")
    assert leftover.exists(), "its name is none of these"
    sweep(tmp_path)
    assert set(tmp_path.iterdir()) == {mine, alive, elsewhere[0]}


def write_folder(path: Path, content: str) -> None:
    with whole(path) as beside:
        beside.mkdir()
        for name in ("one", "two"):
            (beside / name).write_text(content)


def contents(folder: Path) -> dict[str, set[str]]:
    return {path.name: {one.read_text() for one in path.rglob("*")} for path in folder.iterdir()}


def in_steps(replace: Callable[..., Any], allowed: int) -> Callable[..., Any]:
    """`replace`, which ends the process once it has been called so many times."""
    left = [None] * allowed

    def replaced(*names: Any) -> Any:
        if not left:
            os._exit(9)
        left.pop()
        return replace(*names)

    return replaced


def half_deleted(folder: Path) -> None:
    (folder / "one").unlink()
    os._exit(9)


KILLS = {
    "before the old one is renamed": (os, "replace", in_steps(os.replace, 0), "old"),
    "before the new one is renamed": (os, "replace", in_steps(os.replace, 1), "old"),
    "while the old one is deleted": (shutil, "rmtree", half_deleted, "new"),
}


@pytest.mark.skipif(os.name != "posix", reason="whether a process is alive is asked of POSIX systems alone")
@pytest.mark.parametrize(("module", "name", "killing", "left"), KILLS.values(), ids=KILLS)
def test_a_folder_that_was_being_replaced_is_the_old_or_the_new_one_after_a_kill(
    module: Any, name: str, killing: Callable[..., Any], left: str, tmp_path: Path
) -> None:
    path = tmp_path / "folder"
    write_folder(path, "old")

    def work() -> None:
        setattr(module, name, killing)
        write_folder(path, "new")

    assert in_fork(work)[0] == 9
    assert len(contents(tmp_path)) == 2
    sweep(tmp_path)
    assert contents(tmp_path) == {"folder": {left}}


def test_of_another_machine_an_old_folder_is_put_back_at_once_and_deleted_in_a_day(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.elsewhere.7.old.tmp", tmp_path / "there", tmp_path / "there.elsewhere.7.old.tmp"):
        write_folder(path, path.name)
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"gone", "there", "there.elsewhere.7.old.tmp"}
    os.utime(tmp_path / "there.elsewhere.7.old.tmp", (0, time.time() - 2 * DAY))
    sweep(tmp_path)
    assert contents(tmp_path) == {"gone": {"gone.elsewhere.7.old.tmp"}, "there": {"there"}}


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder"
    write_folder(path, "old")
    replace = os.replace

    def refused(source: Any, target: Any) -> None:
        if not str(source).endswith(".old.tmp") and Path(target) == path:
            raise PermissionError(13, "Permission denied", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(PermissionError):
        write_folder(path, "new")
    assert contents(tmp_path) == {"folder": {"old"}}


def test_a_folder_replaces_a_file_and_a_file_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_text("a file")
    write_folder(path, "in a folder")
    assert contents(tmp_path) == {"one": {"in a folder"}}
    with whole(path) as beside:
        beside.write_text("a file")
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "a file"


def test_a_folder_that_is_not_there_needs_no_sweeping(tmp_path: Path) -> None:
    sweep(tmp_path / "nowhere")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(CrittersSource(size=16, reference_size=16, count=3), folder, num_workers=0)
    return folder


def write_captions(folder: Path) -> None:
    CaptionShards(folder / "captions").write([("0", Caption("a dog", of="picture", by="human"))])


def write_latents(folder: Path) -> None:
    maker = SampleMaker((16, 16), 16, BoxMask(), ClassNameCaptioner())
    LatentCache(folder / "latents", "its rows").write(
        lambda rows: [], 0, maker, lambda pixels: pixels, "its identity", 1
    )


WRITERS: dict[str, Callable[[Path], object]] = {
    "export": lambda folder: export("critters", str(folder / "export" / "left.csv")),
    "jobs": lambda folder: write_results(folder / "jobs", []),
    "": lambda folder: prepare(CrittersSource(size=16, reference_size=16, count=3), folder, num_workers=0),
    "parquet": lambda folder: write_parquet(PreparedSource(str(folder))),
    "captions": write_captions,
    "table": lambda folder: export_captions(StoredCaptions(folder / "captions"), folder / "table" / "left.csv"),
    "latents": write_latents,
    "segmented": lambda folder: SegmentedPictures(folder / "segmented", UniversalSegmenter()),
}


@pytest.mark.skipif(os.name != "posix", reason="whether a process is alive is asked of POSIX systems alone")
@pytest.mark.parametrize("where", WRITERS)
def test_whoever_writes_sweeps_first(prepared: Path, where: str) -> None:
    folder = prepared / where
    folder.mkdir(exist_ok=True)
    leftover = killed(folder / ("results.csv" if where == "jobs" else "left.csv"))
    WRITERS[where](prepared)
    assert not leftover.exists()


def test_parts_of_a_preparation_that_was_killed_at_the_very_last_are_deleted(prepared: Path) -> None:
    (prepared / "parts").mkdir()
    (prepared / "parts" / "000000.arrow").touch()
    prepare(CrittersSource(size=16, reference_size=16, count=3), prepared, num_workers=0)
    assert not (prepared / "parts").exists()
