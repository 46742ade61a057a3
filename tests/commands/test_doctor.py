import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dreaminpainter.commands.doctor import run
from dreaminpainter.data.doctor import Report
from dreaminpainter.data.sources import CrittersSource
from dreaminpainter.data.store.preparing import prepare
from dreaminpainter.errors import MissingFileError, SettingError


def critters(split: str, count: int = 6) -> dict[str, Any]:
    settings = {"size": 32, "reference_size": 32, "count": count, "split": split, "supersample": 1}
    return {"class_path": "CrittersSource", "init_args": settings}


def config(path: Path, **data: Any) -> str:
    """A config of `fit`: parts that the doctor reads over, and the data."""
    small = {"height": 32, "width": 32, "reference_size": 32, "batch_size": 2}
    sources = {"train": {"drawn": critters("train")}, "validation": {"drawn": critters("validation")}}
    whole = {"seed_everything": 3, "trainer": {"max_steps": 2}, "model": {"selector": "CosineDistance"}}
    path.write_text(yaml.safe_dump(whole | {"data": small | sources | data}))
    return str(path)


def examined(tmp_path: Path, *arguments: str) -> tuple[int, Report]:
    code = run("doctor", [*arguments, "--output", str(tmp_path / "out"), "--num_workers", "0"])
    return code, Report.from_json((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))


def test_sound_data_ends_with_0_and_both_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = examined(tmp_path, config(tmp_path / "a.yaml"))
    assert code == 0 and report.findings == []
    assert [part.label for part in report.parts] == ["train/drawn", "validation/drawn"]
    told = capsys.readouterr().out
    assert "Nothing is wrong with this data." in told and str(tmp_path / "out" / "report.html") in told
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_an_error_in_the_data_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = examined(tmp_path, config(tmp_path / "a.yaml", batch_size=50))
    assert code == 1 and report.has_errors
    assert "error: An epoch has 6 samples a process and data.batch_size is 50" in capsys.readouterr().out


def test_configs_are_layered_and_settings_laid_over_them(tmp_path: Path) -> None:
    below = config(tmp_path / "below.yaml", batch_size=50)
    above = tmp_path / "above.yaml"
    above.write_text(yaml.safe_dump({"data": {"batch_size": 2, "train": {"drawn": critters("train", count=5)}}}))
    code, report = examined(
        tmp_path, below, str(above), "--data.validation.drawn.init_args.count", "3", "--samples", "4"
    )
    assert code == 0
    assert [(part.objects, part.opened) for part in report.parts] == [(5, 4), (3, 3)]


def test_configs_can_be_named_as_for_fit(tmp_path: Path) -> None:
    one, other = config(tmp_path / "a.yaml"), config(tmp_path / "b.yaml", train={"drawn": critters("train", count=4)})
    _, report = examined(tmp_path, "--config", one, "--config", other)
    assert report.parts[0].objects == 4
    assert report.subject == [one, other]


def test_a_packaged_config_of_fit_is_understood_whole(tmp_path: Path) -> None:
    code, report = examined(tmp_path, "configs/quickstart.yaml", "--samples", "2")
    assert code == 0 and [part.split for part in report.parts] == ["train", "validation", "test"]
    assert report.parts[0].objects == report.parts[0].samples_per_epoch == 100_000


def prepared(folder: Path, **settings: Any) -> str:
    drawn = CrittersSource(size=32, reference_size=32, count=5, supersample=1, **settings)
    prepare(drawn, folder, embed=True, num_workers=0)
    return str(folder)


def test_a_folder_of_prepared_data_needs_no_config(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "prepared")
    code, report = examined(tmp_path, folder)
    assert code == 0 and report.findings == []
    (part,) = report.parts
    assert (part.split, part.name, part.kind, part.objects) == ("train", folder, "PreparedSource", 5)
    assert part.pictures_compared == 5


def test_several_folders_are_compared_with_each_other(tmp_path: Path) -> None:
    folders = [prepared(tmp_path / name, seed=seed) for name, seed in {"a": 0, "b": 1, "c": 0}.items()]
    code, report = examined(tmp_path, *folders)
    assert code == 0 and [part.name for part in report.parts] == folders
    (warning,) = report.findings
    assert (warning.level, warning.check, warning.part) == ("warning", "duplicates", f"train/{folders[0]}")
    assert warning.message.startswith("5 pictures") and folders[2] in warning.message


def test_a_folder_that_is_no_prepared_data_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, report = examined(tmp_path, str(tmp_path / "empty"))
    assert code == 1 and "dreaminpainter prepare" in report.findings[0].message


def test_what_cannot_be_understood_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"(?s)hight.*Did you mean data\.height\?"):
        run("doctor", [config(tmp_path / "a.yaml"), "--data.hight", "4"])
    with pytest.raises(SettingError, match=r"data\.train"):
        run("doctor", ["configs/sd15.yaml"])
    with pytest.raises(SettingError, match=r"data\.train"):
        run("doctor", [])
    with pytest.raises(MissingFileError, match=r"no config 'nosuch\.yaml'"):
        run("doctor", ["nosuch.yaml"])


def test_no_model_is_built(tmp_path: Path) -> None:
    path = Path(config(tmp_path / "a.yaml"))
    whole = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(whole | {"model": {"backbone": {"class_path": "no.such.Thing"}}}))
    assert examined(tmp_path, str(path))[0] == 0


def test_the_report_is_also_for_programs(tmp_path: Path) -> None:
    examined(tmp_path, config(tmp_path / "a.yaml"))
    data = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert list(data) == ["verdict", "subject", "findings", "parts", "versions"]


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("doctor", ["--help"])
    assert not stopped.value.code
    printed = " ".join(capsys.readouterr().out.split())
    assert "Exit code: 0 where there are no errors" in printed
    for setting in ("--output", "--samples", "--num_workers", "--data.train"):
        assert setting in printed
