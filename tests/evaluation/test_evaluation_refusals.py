"""What an evaluation refuses to put into one table, or to begin with."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evaluations import evaluation
from fills import Noise

from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.evaluation.cases import CaseSet
from dreaminpainter.evaluation.methods import Ours
from dreaminpainter.evaluation.metrics import FID, Background, Crop
from dreaminpainter.evaluation.rows import Row

SMALL = str(Path(__file__).parents[1] / "models" / "critters_small")


def touched(folder: Path) -> None:
    for path in folder.rglob("*.safetensors"):
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"seeds": 3}, "seeds: 3 here, 2 there"),
        ({"metrics": [Background()]}, "metrics: .*Background"),
        ({"quality": [FID()]}, "encoders: .*ProbeEncoder"),
        ({"methods": {"noise": Noise(100)}}, r"noise.*another method or of other weights.*method\.json"),
    ],
)
def test_other_settings_are_refused_and_named(
    settings: dict[str, Any], named: str, cases: CaseSet, through: tuple[Path, list[Row]]
) -> None:
    with pytest.raises(SettingError, match=named):
        evaluation(through[0], cases, **settings).run()


def test_other_cases_are_refused_and_named(cases: CaseSet, through: tuple[Path, list[Row]]) -> None:
    other = [replace(cases.cases[0], prompt="something else"), *cases.cases[1:]]
    with pytest.raises(SettingError, match="cases: "):
        evaluation(through[0], CaseSet(cases.file, other)).run()
    with pytest.raises(SettingError, match="count: 4 here, 5 there"):
        evaluation(through[0], CaseSet(cases.file, cases.cases[:4])).run()


def test_other_weights_are_refused_and_named(cases: CaseSet, tmp_path: Path) -> None:
    one = CaseSet(cases.file, cases.cases[:1])
    shutil.copytree(SMALL, tmp_path / "model")
    model = Ours(str(tmp_path / "model"), num_inference_steps=1)
    evaluation(tmp_path / "out", one, methods={"ours": model}, seeds=1).run()
    touched(tmp_path / "model")
    with pytest.raises(SettingError, match=r"ours.*other weights"):
        evaluation(tmp_path / "out", one, methods={"ours": model}, seeds=1).run()


def test_a_picture_that_changed_since_is_refused(cases: CaseSet, tmp_path: Path) -> None:
    copied = CaseSet(Path(shutil.copytree(cases.folder, tmp_path / "cases")) / "cases.jsonl", cases.cases)
    shutil.copy(copied.folder / copied.cases[1].scene, copied.folder / copied.cases[0].scene)
    with pytest.raises(InputError, match=copied.cases[0].id):
        evaluation(tmp_path / "out", copied).run()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"seeds": 0}, "seeds is 0"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"metrics": [Background(), Background()]}, "background max"),
        ({"methods": {"../noise": Noise()}}, "'../noise'"),
        ({"methods": {"cases": Noise()}}, "'cases'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    settings: dict[str, Any], named: str, cases: CaseSet, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=named):
        evaluation(tmp_path / "out", cases, **settings)
    assert not (tmp_path / "out").exists()


def test_one_case_has_no_figure_of_all_of_them_together(cases: CaseSet, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"FID \(probes\) needs two cases or more"):
        evaluation(tmp_path, CaseSet(cases.file, cases.cases[:1]), quality=[FID()])


def test_figures_of_all_together_are_of_the_crop_that_they_name(cases: CaseSet, tmp_path: Path) -> None:
    found = {}
    for margin in (0.0, 0.5):
        own = evaluation(tmp_path / str(margin), cases, quality=[FID(crop=Crop(margin))])
        own.run()
        found[margin] = own.qualities()["collage"]["FID (probes)"].mean
    assert found[0.0] != found[0.5]
    with pytest.raises(SettingError, match="metrics: "):
        evaluation(tmp_path / "0.0", cases, quality=[FID(crop=Crop(0.5))]).run()
