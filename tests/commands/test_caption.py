import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_blip import save_blip

from dreaminpainter.commands.caption import run
from dreaminpainter.data.captioning import BlipCaptioner, StoredCaptioner
from dreaminpainter.data.captioning.views import crop
from dreaminpainter.data.sources import CocoSource, CrittersSource, ObjectFilter
from dreaminpainter.data.sources.base import HUMAN, Caption
from dreaminpainter.data.store import PreparedSource, prepare
from dreaminpainter.errors import MissingFileError, SettingError

QUICK = ["--accelerator", "cpu", "--num_workers", "0", "--captioner.max_new_tokens", "6"]


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture
def prepared(tmp_path: Path) -> str:
    source = CrittersSource(size=32, reference_size=16, count=5, supersample=1, reference_supersample=1)
    prepare(source, tmp_path / "prepared", num_workers=0)
    return str(tmp_path / "prepared")


def test_prepared_data_comes_with_its_captions_from_then_on(prepared: str, blip: str, capsys) -> None:
    assert all(instance.written == [] for instance in PreparedSource(prepared))
    run("caption", [prepared, "--captioner.model", blip, "--batch_size", "2", *QUICK])
    assert "captions of the picture: 5 written, 0 there before" in capsys.readouterr().out
    captioner = BlipCaptioner(blip, max_new_tokens=6)
    for instance in PreparedSource(prepared):
        views = {"picture": instance.image, "object": crop(instance)}
        for of, image in views.items():
            assert StoredCaptioner(of)([image], [instance]) == captioner([image], [instance])  # type: ignore[arg-type]
    run("caption", [prepared, "--captioner.model", blip, *QUICK])
    assert "captions of the object: 0 written, 5 there before" in capsys.readouterr().out


def test_captions_are_exported_edited_and_brought_back(prepared: str, tmp_path: Path, capsys) -> None:
    run("caption", [prepared, "--captioner", "ClassNameCaptioner", *QUICK[:4]])
    path = tmp_path / "captions.csv"
    run("caption-export", [prepared, str(path)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 and {row["text"] for row in rows} == {"a photo of a critter"}
    edited = next(row for row in rows if row["of"] == "picture")
    edited["text"] = 'a "critter", smiling'
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, edited)
        writer.writeheader()
        writer.writerows(rows)
    run("caption-import", [prepared, str(path)])
    assert "captions changed or added: 1" in capsys.readouterr().out
    instance = next(one for one in PreparedSource(prepared) if one.id == edited["id"])
    assert instance.written[0] == Caption('a "critter", smiling', "picture", HUMAN)


def test_real_photographs_are_captioned_and_a_missing_one_is_named(
    test_data: Path, blip: str, tmp_path: Path, capsys
) -> None:
    shutil.copytree(test_data / "coco", tmp_path / "coco")
    source = CocoSource(str(tmp_path / "coco"), "val2017", keep=ObjectFilter(categories=["dog", "cat", "person"]))
    prepare(source, tmp_path / "prepared", num_workers=0)
    before = list(PreparedSource(str(tmp_path / "prepared")))
    missing = source.picture_of(0)
    assert missing is not None
    missing.path.unlink()
    gone = {before[index].id for index in range(len(source)) if source.picture_of(index) == missing}

    run("caption", [str(tmp_path / "prepared"), "--captioner.model", blip, *QUICK])
    told = capsys.readouterr().err
    assert "could not be read and have no captions: 1\n" in told and missing.path.name in told
    captions = PreparedSource(str(tmp_path / "prepared")).captions
    assert captions.ids("picture") == captions.ids("object") == {instance.id for instance in before} - gone
    assert len({caption.text for _, caption in captions}) > 5


def test_a_mistyped_setting_or_folder_is_told(prepared: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="moddel"):
        run("caption", [prepared, "--captioner.moddel", "x"])
    with pytest.raises(MissingFileError, match=r"nowhere.*dreaminpainter prepare"):
        run("caption", [str(tmp_path / "nowhere"), *QUICK])


@pytest.mark.slow
def test_two_processes_share_the_work_and_write_their_own_shards(prepared: str, blip: str) -> None:
    command = [sys.executable, "-m", "dreaminpainter", "caption", prepared, "--captioner.model", blip, *QUICK]
    done = subprocess.run([*command, "--devices", "2"], check=False, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("captions of the picture: 5 written, 0 there before") == 1
    shards = sorted(path.name[:12] for path in (Path(prepared) / "captions").iterdir())
    assert shards == ["000001-00000", "000001-00001"]
    source = PreparedSource(prepared)
    assert len(list(source.captions)) == 10
