"""Files from strangers are read or refused by an error that a user can mend; nothing else comes of them."""

import warnings
from pathlib import Path
from time import monotonic
from zipfile import ZipFile

import pytest
import torch

from benchmarks.fuzz import fuzz, round_of
from benchmarks.hostile import PARSERS
from benchmarks.hostile.trying import Parser, Tally
from dreaminpainter.checkpoints import read_checkpoint
from dreaminpainter.commands.jobs import RESULTS, read_results
from dreaminpainter.configuration import with_configs_found
from dreaminpainter.data.sources import CocoSource, FolderSource, VocSource
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.evaluation.cases.base import CaseSet
from dreaminpainter.pictures import open_scene

DEEP = "[" * 50_000


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_what_is_almost_of_the_format_is_read_or_refused(parser: Parser) -> None:
    tally = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's and torch's, about what is damaged
        round_of(parser, tally, number=0, end=monotonic() + 60, count=4 if "fit" in parser.name else 20)
    assert tally.inputs


def test_an_error_of_another_kind_stops_the_fuzzing_and_is_shown(tmp_path: Path, monkeypatch) -> None:
    def read(folder: Path, content: bytes) -> None:
        raise KeyError(content)

    (some, *_) = PARSERS
    monkeypatch.setattr("benchmarks.fuzz.PARSERS", [Parser("broken", some.inputs, read)])
    with pytest.raises(KeyError):
        fuzz(minutes=0.01, output=str(tmp_path / "page.md"))


def test_each_measurement_of_reliability_keeps_the_others_section(tmp_path: Path, monkeypatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Reliability: what survives\n\n## Killed, and started again\n\nall of them\n")
    monkeypatch.setattr("benchmarks.fuzz.PARSERS", [])
    fuzz(minutes=0, output=str(page))
    assert "all of them" in page.read_text() and "## Given hostile input" in page.read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a: {'[' * 900}", "levels"),  # from about 1,000 on PyYAML 6.0.4 itself refuses them
        ("- " * 50_000, "levels"),
        ("".join(f"k{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(9)), "values"),
        ("a: &a [*a]", "within itself"),
        (b"a: \xff", "UTF-8"),
    ],
)
def test_a_config_that_would_crash_a_parser_or_keep_it_busy_is_refused(text, told: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingError, match=told):
        with_configs_found(["--config", str(tmp_path / "mine.yaml")])


def test_json_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    for name in ("annotations/instances_one.json", "metadata.jsonl", "cases.jsonl"):
        (tmp_path / name).write_text(f'{{"image": 1, "mask": 2}}\n{DEEP}' if name == "metadata.jsonl" else DEEP)
    with pytest.raises(InputError, match="cannot be read as JSON"):
        len(CocoSource(str(tmp_path), "one"))
    with pytest.raises(InputError, match="is no JSON"):
        CaseSet.read(tmp_path / "cases.jsonl")
    assert any("line 2 is no JSON" in one.damage for one in FolderSource(str(tmp_path)).left_out)


def test_a_number_too_long_for_python_is_refused_in_a_list_of_cases(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text("9" * 5000)
    with pytest.raises(InputError, match="is no JSON"):
        CaseSet.read(tmp_path / "cases.jsonl")


def test_a_name_too_long_for_a_file_leaves_its_object_out(tmp_path: Path) -> None:
    names = tmp_path / "VOCdevkit" / "VOC2012" / "ImageSets" / "Segmentation"
    names.mkdir(parents=True)
    (names.parents[1] / "Annotations").mkdir()
    (names / "train.txt").write_text("x" * 300)
    assert [one.reason for one in VocSource(str(tmp_path)).left_out] == ["unreadable"]
    with pytest.raises(InputError, match="too long"):
        open_scene(tmp_path / ("x" * 300), [])
    with pytest.raises(MissingFileError):
        open_scene(names / "train.txt" / "one.png", [])


@pytest.mark.parametrize("table", [b"id,status\n1,filled\n", b"id,seconds,seed\n1,much,2\n", b"\xff", b'id\n"'])
def test_a_table_of_results_that_is_none_any_more_is_refused(table: bytes, tmp_path: Path) -> None:
    (tmp_path / RESULTS).write_bytes(table)
    with pytest.raises(InputError, match=r"results\.csv is no longer the table"):
        read_results(tmp_path)


class Command:
    """What a pickle would run where it is trusted."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('a checkpoint ran code')",)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    torch.save({"model": Command()}, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match="holds more than tensors and plain values"):
        read_checkpoint(str(tmp_path / "last.ckpt"))


@pytest.mark.parametrize("description", [b"", b"\x80\x02X\xff", b".", b"\x80\x02}q\x00(X\x01\x00\x00\x00\xff"])
def test_a_checkpoint_whose_description_is_damaged_is_refused(description: bytes, tmp_path: Path) -> None:
    torch.save({"model": {}}, tmp_path / "whole.ckpt")
    with ZipFile(tmp_path / "whole.ckpt") as whole, ZipFile(tmp_path / "last.ckpt", "w") as damaged:
        for name in whole.namelist():
            damaged.writestr(name, description if name.endswith("data.pkl") else whole.read(name))
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        read_checkpoint(str(tmp_path / "last.ckpt"))
