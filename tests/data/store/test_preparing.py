import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from gloo import on_two
from PIL import Image

from dreaminpainter.data.sources import (
    CocoSource,
    CrittersSource,
    FolderSource,
    LeftOut,
    ObjectFilter,
    SegmentationSource,
)
from dreaminpainter.data.sources.base import Instance, PictureFile, content_hash, reasons
from dreaminpainter.data.sources.files import read_picture
from dreaminpainter.data.store import PreparedSource, parts, prepare, preparing
from dreaminpainter.data.store.manifest import Manifest
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.processes import Processes


class Squares(SegmentationSource):
    """Photographs in files, an object of one more column each."""

    name = "squares"

    def __init__(self, root: str, count: int = 6, keep: ObjectFilter | None = None) -> None:
        self.root = root
        self.count = count
        self.keep = keep

    def __len__(self) -> int:
        return self.count

    def id_of(self, index: int) -> str:
        return f"square-{index}"

    def picture_of(self, index: int) -> PictureFile:
        return PictureFile(Path(self.root) / f"{index % 3}.png", upright=False)

    def __getitem__(self, index: int) -> Instance:
        image = read_picture(self.picture_of(index).path, "Draw it", (8, 10))
        mask = torch.zeros(1, 10, 8, dtype=torch.bool)
        mask[..., 2:7, : index % 8 + 1] = True
        box = (0.0, 2.0, index % 8 + 1.0, 7.0)
        return Instance(image, mask, f"class {index % 2}", box, [f"a {index}"], self.name, self.id_of(index), "CC BY")

    @property
    def left_out(self) -> list[LeftOut]:
        return [LeftOut("a crowd", "crowd")]


@pytest.fixture
def squares(tmp_path: Path) -> Squares:
    root = tmp_path / "pictures"
    root.mkdir()
    for shade in range(3):
        pixels = np.full((10, 8, 3), shade * 50, np.uint8)
        pixels[3, 3] = 200
        Image.fromarray(pixels).save(root / f"{shade}.png")
    return Squares(str(root))


def same(one: Instance, other: Instance) -> bool:
    names = ("class_name", "box", "captions", "source", "id", "licence", "attributes")
    tensors = ("image", "mask", "reference_image", "reference_mask", "detail_mask")
    return all(getattr(one, name) == getattr(other, name) for name in names) and all(
        (getattr(one, name) is None and getattr(other, name) is None)
        or torch.equal(getattr(one, name), getattr(other, name))
        for name in tensors
    )


@pytest.mark.parametrize("embed", [False, True])
def test_prepared_instances_are_the_sources_own(squares: Squares, tmp_path: Path, embed: bool) -> None:
    manifest = prepare(squares, tmp_path / "out", embed=embed, num_workers=0)
    prepared = PreparedSource(str(tmp_path / "out"))
    assert (manifest.kept, manifest.left_out, manifest.damaged) == (6, {"crowd": 1}, 0)
    own = {instance.id: instance for instance in squares}
    assert len(prepared) == 6 and all(same(instance, own[instance.id]) for instance in prepared)
    for index in range(6):
        assert prepared.id_of(index) == prepared[index].id
        assert prepared.content_of(index) == prepared.contents()[index] == content_hash(prepared[index].image)
    assert prepared.fingerprint() == squares.fingerprint()


def test_drawn_instances_are_kept_with_their_references_and_attributes(tmp_path: Path) -> None:
    critters = CrittersSource(size=32, reference_size=24, count=5, view="cross")
    prepare(critters, tmp_path, num_workers=0)
    prepared = PreparedSource(str(tmp_path))
    assert all(same(one, other) for one, other in zip(prepared, critters, strict=True))


def test_objects_of_one_picture_lie_together(squares: Squares, tmp_path: Path) -> None:
    prepare(squares, tmp_path / "out", num_workers=0)
    paths = [row["path"] for row in PreparedSource(str(tmp_path / "out")).rows["image"]]
    assert paths == ["0.png", "0.png", "1.png", "1.png", "2.png", "2.png"]


def test_masks_of_real_photographs_are_prepared_pixel_by_pixel(test_data: Path, tmp_path: Path) -> None:
    source = CocoSource(str(test_data / "coco"), "train2017")
    manifest = prepare(source, tmp_path, num_workers=2)
    prepared = PreparedSource(str(tmp_path))
    own = {instance.id: instance for instance in source}
    assert manifest.kept == len(source) == len(prepared) > 100
    assert manifest.left_out == reasons(source.left_out)
    assert all(same(instance, own[instance.id]) for instance in prepared)


def test_every_object_that_is_left_out_is_listed_with_its_reason(squares: Squares, tmp_path: Path) -> None:
    squares.keep = ObjectFilter(min_area=0.1, max_area=0.3)
    (Path(squares.root) / "0.png").write_bytes(b"")
    (Path(squares.root) / "1.png").unlink()
    manifest = prepare(squares, tmp_path / "out", num_workers=0, max_damaged=1)
    rows = pq.read_table(tmp_path / "out" / "left_out.parquet").to_pylist()
    told = {row["id"]: row["reason"] for row in rows}
    assert told == {
        "a crowd": "crowd",
        "square-0": "unreadable",
        "square-3": "unreadable",
        "square-1": "missing file",
        "square-4": "missing file",
        "square-5": "too large",
    }
    assert manifest.left_out == reasons([LeftOut(row["id"], row["reason"]) for row in rows])
    assert (manifest.kept, manifest.damaged) == (1, 4)
    assert any("0.png" in example for example in manifest.examples)


def test_too_much_damage_stops_with_examples_and_goes_on_with_a_higher_limit(squares: Squares, tmp_path: Path) -> None:
    (Path(squares.root) / "1.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"2 of 7 objects are broken(.|\n)*1\.png(.|\n)*max_damaged"):
        prepare(squares, tmp_path / "out", num_workers=0)
    assert prepare(squares, tmp_path / "out", num_workers=0, max_damaged=0.3).kept == 4


@pytest.mark.parametrize("settings", [{"max_damaged": 5}, {"max_damaged": -0.1}, {"num_workers": -1}])
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path: Path, settings) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(SettingError, match=f"{name} is {value}"):
        prepare(CrittersSource(count=1), tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def counting(monkeypatch: pytest.MonkeyPatch, kind: type[SegmentationSource]) -> list[int]:
    """The indices that are read from now on."""
    asked: list[int] = []
    read = kind.__getitem__
    monkeypatch.setattr(kind, "__getitem__", lambda self, index: (asked.append(index), read(self, index))[1])
    return asked


@pytest.mark.parametrize("max_damaged", [0.05, 1])
def test_what_was_mended_is_read_again_and_what_was_whole_is_not(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_damaged: float
) -> None:
    monkeypatch.setattr(preparing, "_PART", 2)
    first, second = Path(squares.root) / "1.png", Path(squares.root) / "2.png"
    whole = first.read_bytes()
    second.rename(tmp_path / "away.png")
    first.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(InputError, match=r"4 of 7 objects are broken"):
            prepare(squares, tmp_path / "out", num_workers=0)
    asked = counting(monkeypatch, Squares)
    first.write_bytes(whole)
    with pytest.raises(InputError, match=r"2 of 7 objects are broken"):
        prepare(squares, tmp_path / "out", num_workers=0)
    (tmp_path / "away.png").rename(second)
    manifest = prepare(squares, tmp_path / "out", num_workers=0, max_damaged=max_damaged)
    assert (manifest.kept, manifest.left_out) == (6, {"crowd": 1})
    assert asked == [1, 4, 2, 5, 2, 5], "objects 0 and 3 were done, and the others once they were mended"
    assert sorted(instance.id for instance in PreparedSource(str(tmp_path / "out"))) == [
        f"square-{i}" for i in range(6)
    ]


def test_a_part_that_is_made_again_and_killed_in_between_does_not_count_as_done(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(squares.root) / "1.png"
    whole = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(InputError, match="are broken"):
        prepare(squares, tmp_path / "out", num_workers=0)
    path.write_bytes(whole)
    with monkeypatch.context() as killed:
        killed.setattr(parts, "_write_rows", lambda rows, path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(squares, tmp_path / "out", num_workers=0)
    assert prepare(squares, tmp_path / "out", num_workers=0).kept == len(PreparedSource(str(tmp_path / "out"))) == 6


def test_pictures_whose_missing_masks_were_added_are_prepared_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_PART", 2)
    root = tmp_path / "pictures"
    root.mkdir()
    for number in range(6):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(root / f"{number}.png")
        if number != 3:
            Image.new("L", (8, 6), 255).save(root / f"{number}_mask.png")
    with pytest.raises(InputError, match=r"1 of 6 objects are broken(.|\n)*3\.png has no mask"):
        prepare(FolderSource(str(root)), tmp_path / "out", num_workers=0)
    Image.new("L", (8, 6), 255).save(root / "3_mask.png")
    asked = counting(monkeypatch, FolderSource)
    manifest = prepare(FolderSource(str(root)), tmp_path / "out", num_workers=0)
    assert (manifest.kept, manifest.damaged, manifest.fingerprint) == (6, 0, FolderSource(str(root)).fingerprint())
    assert asked == [2, 3, 4, 5], "the first part has the objects that it had"
    assert [instance.id for instance in PreparedSource(str(tmp_path / "out"))] == [*"012345"]


@pytest.fixture
def not_utf8(tmp_path: Path) -> Path:
    """A folder whose name is Latin-1, with three pictures and masks; so is one picture's name."""
    root = tmp_path / os.fsdecode(b"no\xebl")
    try:
        root.mkdir()
    except OSError:
        pytest.skip("names of files are Unicode here")
    for name in (b"a", b"b", b"caf\xe9"):
        path = root / os.fsdecode(name)
        Image.new("RGB", (8, 6), "red").save(path.with_suffix(".png"))
        Image.new("L", (8, 6), 255).save(path.with_name(f"{path.name}_mask.png"))
    return root


def test_names_of_files_that_are_not_utf8_are_damage_and_the_rest_goes_on(not_utf8: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 of 3 objects are broken(.|\n)*caf\\udce9, which is not UTF-8"):
        prepare(FolderSource(str(not_utf8)), tmp_path / "out", num_workers=0)
    manifest = prepare(FolderSource(str(not_utf8)), tmp_path / "out", num_workers=0, max_damaged=0.4)
    assert (manifest.kept, manifest.left_out, manifest.damaged) == (2, {"not UTF-8": 1}, 1)
    prepared = PreparedSource(str(tmp_path / "out"))
    assert [instance.id for instance in prepared] == ["a", "b"] and prepared.manifest == manifest
    assert [one.id for one in prepared.left_out] == [r"caf\udce9"]


def test_texts_that_no_file_can_hold_are_damage_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows: list[dict[str, str]] = [{}, *({name: "caf\udce9"} for name in ("id", "caption", "class_name", "licence"))]
    for number in range(len(rows)):
        Image.new("RGB", (8, 6), "red").save(tmp_path / f"{number}.png")
        Image.new("L", (8, 6), 255).save(tmp_path / f"{number}_mask.png")
    table = [{"image": f"{number}.png", "mask": f"{number}_mask.png", **row} for number, row in enumerate(rows)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, table)))
    manifest = prepare(FolderSource(str(tmp_path)), tmp_path / "out", num_workers=0, max_damaged=1)
    assert [instance.id for instance in PreparedSource(str(tmp_path / "out"))] == ["0_mask"]
    assert (manifest.left_out, manifest.damaged) == ({"not UTF-8": 4}, 4)
    for name in ("captions", "class_name", "licence"):
        assert any(f"{name} of " in example for example in manifest.examples)


def test_damage_stops_long_before_the_end(tmp_path: Path, squares: Squares, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "_PART", 50)
    squares.count = 1000
    for path in Path(squares.root).iterdir():
        path.unlink()
    with pytest.raises(InputError, match="100 of 1001 objects are broken"):
        prepare(squares, tmp_path / "out", num_workers=0)


def test_nothing_kept_is_an_error_that_counts(squares: Squares, tmp_path: Path) -> None:
    squares.keep = ObjectFilter(categories=["class 7"])
    with pytest.raises(InputError, match="'other class': 6"):
        prepare(squares, tmp_path / "out", num_workers=0)


def test_other_settings_in_the_same_folder_are_refused(squares: Squares, tmp_path: Path) -> None:
    prepare(squares, tmp_path / "out", num_workers=0)
    with pytest.raises(SettingError, match="Name another folder"):
        prepare(squares, tmp_path / "out", embed=True, num_workers=0)
    squares.count = 5
    with pytest.raises(SettingError, match="another source"):
        prepare(squares, tmp_path / "out", num_workers=0)


def test_a_finished_preparation_is_left_alone(squares: Squares, tmp_path: Path) -> None:
    before = prepare(squares, tmp_path / "out", num_workers=0)
    for path in Path(squares.root).iterdir():
        path.unlink()
    assert prepare(squares, tmp_path / "out", num_workers=0) == before


SCRIPT = """
import sys
from pathlib import Path
from dreaminpainter.data.sources import CrittersSource
from dreaminpainter.data.store import prepare, preparing
preparing._PART = 8
prepare(CrittersSource(size=32, reference_size=32, count=80), Path(sys.argv[1]), num_workers=2)
"""


def rows_of(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = PreparedSource(str(folder)).rows.to_list()
    return rows


def test_killed_and_continued_equals_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "_PART", 8)
    killed, uninterrupted = tmp_path / "killed", tmp_path / "uninterrupted"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(killed)],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    while process.poll() is None and len(list(killed.glob("parts/*.arrow"))) < 3:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    (killed / "parts" / "000009.arrow.1.tmp").write_bytes(b"half a part")
    done = len(list(killed.glob("parts/*.arrow")))
    assert 3 <= done < 10

    asked = counting(monkeypatch, CrittersSource)
    source = CrittersSource(size=32, reference_size=32, count=80)
    continued = prepare(source, killed, num_workers=0)
    assert len(asked) == len(set(asked)) == 80 - 8 * done, "what was done was read again"
    assert continued == prepare(source, uninterrupted, num_workers=0)
    assert rows_of(killed) == rows_of(uninterrupted)
    assert sorted(path.name for path in killed.iterdir()) == ["left_out.parquet", "manifest.json", "objects"]


def test_a_manifest_of_another_version_is_refused(squares: Squares, tmp_path: Path) -> None:
    prepare(squares, tmp_path, num_workers=0)
    path = tmp_path / "manifest.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"version": 0}))
    with pytest.raises(InputError, match=r"manifest\.json is of version 0.*version 2"):
        len(PreparedSource(str(tmp_path)))
    path.write_text(json.dumps({"version": 2}))
    with pytest.raises(InputError, match=r"manifest\.json cannot be read"):
        Manifest.read(path)


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="CUDA is in use already, so this process cannot be forked")
@pytest.mark.parametrize("begun", [False, True])
def test_two_processes_come_to_the_same_as_one(squares, begun, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(preparing, "_PART", 2)
    source = Squares(squares.root, count=9)
    alone = prepare(source, tmp_path / "one", num_workers=0)
    make = parts.Parts.__getitem__
    if begun:  # one process was killed after its first part
        with monkeypatch.context() as killed:
            killed.setattr(preparing, "_put_together", lambda *_: sys.exit())
            with pytest.raises(SystemExit):
                prepare(source, tmp_path / "two", num_workers=0)
        for path in sorted((tmp_path / "two/parts").glob("*.arrow"))[1:]:
            path.unlink()

    def work(rank: int) -> tuple[Manifest, list[int]]:
        own: list[int] = []
        monkeypatch.setattr(parts.Parts, "__getitem__", lambda self, number: own.append(number) or make(self, number))
        return prepare(source, tmp_path / "two", num_workers=0, processes=Processes(rank, 2)), own

    (first, own), (second, others) = on_two(work, tmp_path / "meeting")
    assert first == second == alone
    assert (own, others) == ([2, 4] if begun else [0, 2, 4], [1, 3])
    rows = [PreparedSource(str(tmp_path / name)).rows.to_list() for name in ("one", "two")]
    assert rows[0] == rows[1]
    assert not (tmp_path / "two/parts").exists()


class BrokenAnnotation(Squares):
    """Has one, which is seen before anything is read."""

    @property
    def left_out(self) -> list[LeftOut]:
        return [LeftOut("a crowd", "crowd"), LeftOut("a polygon", "unreadable", "a polygon of one point")]


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="CUDA is in use already, so this process cannot be forked")
@pytest.mark.parametrize(("max_damaged", "part"), [(0.4, 2), (0.4, 200), (0.3, 2)])
def test_what_one_process_lets_pass_two_do_and_nothing_else(squares, max_damaged, part, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(preparing, "_PART", part)
    (Path(squares.root) / "1.png").unlink()  # of nine objects three, of which one process reads two
    source = BrokenAnnotation(squares.root, count=9)

    def outcome(output: Path, processes: Processes) -> Manifest | str:
        try:
            return prepare(source, output, num_workers=0, max_damaged=max_damaged, processes=processes)
        except InputError as error:
            return str(error)
        except RuntimeError:
            return "another process has ended"

    alone = outcome(tmp_path / "one", Processes())
    first, second = on_two(lambda rank: outcome(tmp_path / "two", Processes(rank, 2)), tmp_path / "meeting")
    assert first == alone
    if max_damaged == 0.4:
        assert second == alone and isinstance(alone, Manifest) and (alone.kept, alone.damaged) == (6, 4)
    else:
        assert str(alone).startswith("4 of 11 objects are broken")
        assert second == "another process has ended"
    assert (tmp_path / "two/objects").exists() == (max_damaged == 0.4)


def test_much_damage_at_the_start_is_let_pass_where_it_is_little_of_all(squares: Squares, tmp_path: Path) -> None:
    (Path(squares.root) / "0.png").unlink()
    squares.count = 360
    assert prepare(squares, tmp_path / "out", num_workers=0, max_damaged=0.35).damaged == 120
