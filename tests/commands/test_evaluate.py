"""The command: what configs come to, and a small evaluation from its settings to its report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dreaminpainter.cli import main
from dreaminpainter.configuration import config_folder
from dreaminpainter.evaluation import cases as case_builders
from dreaminpainter.evaluation import methods as ways_to_fill
from dreaminpainter.evaluation.cases import CaseSet, CrittersCases

EVALUATIONS = sorted(path.stem for path in (config_folder() / "evaluation").glob("*.yaml"))
SMALL = str(Path(__file__).parents[1] / "models" / "critters_small")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *arguments, "--print_config"])
    assert ended.value.code == 0
    return yaml.safe_load(capsys.readouterr().out)


def sets(said: object, understood: object) -> bool:
    """Whether what a config says is what was understood, and leaves no argument of a class unsaid."""
    if isinstance(said, str) and isinstance(understood, dict):
        return understood["class_path"].endswith(f".{said}")
    if isinstance(said, dict) and "class_path" in said:
        same_class = understood["class_path"].endswith(f".{said['class_path']}")
        return same_class and sets(said.get("init_args", {}), understood.get("init_args", {}))
    if isinstance(said, dict):
        return said.keys() == understood.keys() and all(sets(value, understood[key]) for key, value in said.items())
    if isinstance(said, list):
        return len(said) == len(understood) and all(map(sets, said, understood))
    return said == understood


def test_there_are_configs() -> None:
    assert EVALUATIONS == ["critters", "dreambooth"]


@pytest.mark.parametrize("name", EVALUATIONS)
def test_a_config_is_understood_as_it_is_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = yaml.safe_load((config_folder() / "evaluation" / f"{name}.yaml").read_text())
    understood = printed(capsys, "--config", f"configs/evaluation/{name}.yaml")
    for key, value in said.items():
        if key != "methods":
            assert sets(value, understood[key]), key
    for method, value in (said["methods"] or {}).items():
        assert sets(value["class_path"], understood["methods"][method])
        given = value["init_args"]
        assert given.items() <= understood["methods"][method]["init_args"].items()
    assert understood["output"] == f"runs/evaluation/{name}"


def test_settings_of_the_drawn_cases_are_understood_without_their_class(tmp_path, capsys) -> None:
    (tmp_path / "cases.yaml").write_text("cases: {count: 256}\n")
    for words in (["--cases.count", "256"], ["--config", str(tmp_path / "cases.yaml")]):
        cases = printed(capsys, *words)["cases"]
        assert cases["class_path"].endswith(".CrittersCases") and cases["init_args"]["count"] == 256
    folders = printed(capsys, "--cases", "FolderCases", "--cases.root", "mine")["cases"]
    assert folders["class_path"].endswith(".FolderCases") and folders["init_args"]["root"] == "mine"


def test_one_setting_of_a_config_can_be_changed(capsys: pytest.CaptureFixture[str]) -> None:
    model = "--methods.ours.init_args.model"
    understood = printed(capsys, "--config", "evaluation/dreambooth", model, "elsewhere.ckpt", "--seeds", "4")
    assert understood["methods"]["ours"]["init_args"]["model"] == "elsewhere.ckpt"
    assert understood["methods"]["collage"]["init_args"]["share"] == 0.9
    assert understood["seeds"] == 4


def test_every_case_builder_and_method_can_be_named() -> None:
    for module, base in ((case_builders, case_builders.CaseBuilder), (ways_to_fill, ways_to_fill.Method)):
        for kind in base.__subclasses__():
            if kind.__module__.startswith(module.__name__) and not kind.__abstractmethods__:
                assert kind.__name__ in module.__all__, kind


def test_a_small_evaluation_gives_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = {"class_path": "Ours", "init_args": {"model": SMALL, "num_inference_steps": 2}}
    drawn = {"class_path": "CrittersCases", "init_args": {"count": 3, "size": 32, "reference_size": 64}}
    settings = {
        "methods": {"ours": ours, "collage": {"class_path": "Collage"}},
        "cases": drawn,
        "batch_size": 2,
        "output": str(tmp_path / "out"),
        "device": "cpu",
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    words = ["evaluate", "--config", str(tmp_path / "small.yaml")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["tables"][0]["rows"]) == ["ceiling (real picture)", "ours", "collage", "floor (mean colour)"]
    assert report["tables"][0]["rows"]["ours"]["fills"] == 6
    assert report["tables"][0]["rows"]["collage"]["fills"] == 3
    mean = report["tables"][0]["rows"]["ours"]["figures"]["reference"]["mean"]
    (line, *_) = [line for line in shown.splitlines() if line.startswith("ours ")]
    assert line.split()[1] == f"{mean:.3f}"
    assert (tmp_path / "out" / "report.html").is_file()
    assert main([*words, "--seeds", "1"]) == 2
    assert "seeds: 1 here, 2 there" in capsys.readouterr().err


def test_probes_are_not_taken_for_judges_of_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = CrittersCases(count=2, size=32, reference_size=32).build(tmp_path / "cases")
    CaseSet(drawn.file, [replace(case, attributes={}) for case in drawn.cases]).write()
    settings = {"methods": {"collage": {"class_path": "Collage"}}, "device": "cpu", "output": str(tmp_path / "out")}
    settings["cases"] = {"class_path": "WrittenCases", "init_args": {"file": str(drawn.file)}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    assert main(["evaluate", "--config", str(tmp_path / "mine.yaml")]) == 0
    assert "note: these cases are no drawn critters" in capsys.readouterr().err
    words = ["--metrics", "[Seam]", "--quality", "[]", "--output", str(tmp_path / "other")]
    assert main(["evaluate", "--config", str(tmp_path / "mine.yaml"), *words]) == 0
    assert "note: these" not in capsys.readouterr().err
