"""Studies from their config to their report, at smoke size."""

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_blip import save_blip
from tiny_run import BACKBONE, DRAWN, QUIET, SMALL, save_image_encoders

from dreaminpainter.cli import main
from dreaminpainter.commands import ablate as ablation
from dreaminpainter.commands import evaluate, training
from dreaminpainter.components import describe, make
from dreaminpainter.configuration import config_folder
from dreaminpainter.evaluation.metrics import SampleMetric

FOLDER = config_folder() / "ablations"
STUDIES = sorted(
    path.relative_to(FOLDER).with_suffix("").as_posix()
    for path in FOLDER.rglob("*.yaml")
    if path.parent.name != "layers"
)
# The others of the paper's are alike; the slow test runs all of all.
QUICK = [name for name in STUDIES if not name.startswith("paper/") or name == "paper/filling"]
EXAMPLES = Path(__file__).parents[2] / "examples" / "novel_components"
CASES = {"class_path": "CrittersCases", "init_args": {"count": 2, "size": 32, "reference_size": 64}}
PICTURED = {"critters": {"class_path": "CrittersSource", "init_args": {"size": 32, "reference_size": 64, "count": 4}}}


def smoke(folder: Path, **changed: Any) -> dict[str, Any]:
    """Settings of a study on the smallest networks."""
    tiny = {name: yaml.safe_load(str(value)) for name, value in (BACKBONE | QUIET | DRAWN | SMALL).items()}
    tiny |= {"trainer.max_steps": 1, "trainer.logger": False, "checkpoint.save_top_k": 0}
    study = {"question": "?", "fit": ["configs/critters.yaml", "configs/ablations/layers/study.yaml"], "seeds": [0]}
    study |= {
        "output": str(folder),
        "settings": tiny,
        "evaluation": {"cases": CASES, "batch_size": 2, "seeds": 1, "quality": []},
    }
    return study | changed


def run(study: dict[str, Any], folder: Path, *more: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "study.yaml"
    config.write_text(yaml.safe_dump(study))
    return main(["ablate", "--config", str(config), *more])


def figures(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands in for networks on the hub."""
    place = tmp_path_factory.mktemp("networks")
    encoders = save_image_encoders(place)
    return {
        "openai/clip-vit-large-patch14": encoders["clip"],
        "facebook/dinov2-base": encoders["dino"],
        "Salesforce/blip-image-captioning-base": save_blip(place / "blip"),
        "runs/paper/encoder": encoders["clip"],
    }


@pytest.mark.parametrize("name", QUICK)
def test_every_study_runs_from_its_config_to_its_report(name, tmp_path, folders, monkeypatch) -> None:
    """One value of each axis; the slow test runs them all."""
    _run_config(name, tmp_path, folders, monkeypatch, most=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_value_of_every_study_runs(name, tmp_path, folders, monkeypatch) -> None:
    _run_config(name, tmp_path, folders, monkeypatch, most=None)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_tells_of_figures_that_its_evaluation_measures(name, tmp_path, capsys) -> None:
    study = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    config = tmp_path / "evaluation.yaml"
    config.write_text(yaml.safe_dump(study.get("evaluation", {})))
    with pytest.raises(SystemExit):
        main(["evaluate", "--config", str(config), "--print_config"])
    understood = yaml.safe_load(capsys.readouterr().out)
    metrics = [make(spec, SampleMetric) for spec in understood["metrics"] or map(describe, evaluate._default_metrics())]
    known = {column.name for metric in metrics for column in metric.columns} | {"seconds", "GFLOP"}
    if understood["reliance"]:
        known |= {"text swapped", "reference swapped", "attention to reference"}
    assert set(study.get("figures", [])) <= known


def _run_config(name, tmp_path, folders, monkeypatch, most: int | None) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    text = (FOLDER / f"{name}.yaml").read_text()
    for source, folder in folders.items():
        text = text.replace(source, folder)
    config = yaml.safe_load(text)
    small = smoke(tmp_path / "study")
    study = config | {"output": small["output"], "seeds": [0]}
    if most is not None:
        for axis in study.get("axes", {}).values():
            values = axis["values"]
            axis["values"] = dict(list(values.items())[-most:]) if isinstance(values, dict) else values[-most:]
    study["axes"] = _with_few_tokens(study.get("axes", {}))
    if "fit" in study:
        study["settings"] = study.get("settings", {}) | small["settings"]
        # What a study varies must not be set again for all.
        varied = {axis.get("setting") for axis in study.get("axes", {}).values()}
        study["settings"] = {
            key: value
            for key, value in study["settings"].items()
            if not any(one and key.startswith(one) for one in varied)
        }
        for axis in study["axes"].values():
            if axis.get("setting") == "model.selector.init_args.k":
                axis["values"] = axis["values"][:1]
            for value in axis["values"].values() if isinstance(axis["values"], dict) else []:
                value.update({key: 1 for key in value if key == "trainer.max_steps"})
    study["evaluation"] = small["evaluation"] | {
        key: value for key, value in study.get("evaluation", {}).items() if key == "reliance"
    }
    if name == "paper/filling":
        chosen = {"class_path": "CosineDistance", "init_args": {"k": 4}}
        varied = {"class_path": "VariedSelection", "init_args": {"selectors": [chosen], "ks": [1, 4]}}
        del study["settings"]["model.selector.init_args.k"]
        study["settings"]["model.selector"] = varied
    if name == "sources":
        # Three sets of drawn pictures in place of three of photographs, and a tiny network in place of a large one.
        study["fit"] = small["fit"]
        study["settings"] |= {
            "data.train": {key: PICTURED["critters"] for key in ("coco", "openimages", "voc")},
            "data.validation": PICTURED,
        }
        study["figures"] = ["outline copy", "seam"]
    if name == "sampler":
        study["axes"]["steps"]["values"] = [2]
    assert run(study, tmp_path) == 0
    report = (tmp_path / "study" / "report.md").read_text()
    assert report.startswith(f"# {config['question']}")
    assert len(figures(tmp_path / "study")) == max(1, _combinations(study))
    for axis in study.get("axes", {}):
        assert f"![{axis}](" in report
    if name == "sampler":
        assert all(float(one["seconds"]) > 0 and float(one["GFLOP"]) > 0 for one in figures(tmp_path / "study"))


def _with_few_tokens(value: Any) -> Any:
    """Every K, which the tiny networks have too few tokens for, made 4."""
    if isinstance(value, dict):
        return {
            key: 4 if isinstance(item, int) and key.rpartition(".")[2] == "k" else _with_few_tokens(item)
            for key, item in value.items()
        }
    return value


def _combinations(study: dict[str, Any]) -> int:
    count = 1
    for axis in study.get("axes", {}).values():
        count *= len(axis["values"])
    return count


def test_a_killed_study_goes_on_and_comes_to_the_same(tmp_path, monkeypatch) -> None:
    axes = {"k": {"setting": "model.selector.init_args.k", "values": [1, 4]}}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(smoke(whole, axes=axes), tmp_path / "a") == 0

    trained: list[str] = []
    fit, measure = training.run, evaluate.run

    def counted(name: str, arguments: list[str]) -> Any:
        trained.append(arguments[arguments.index("--trainer.default_root_dir") + 1])
        return fit(name, arguments)

    def killed(name: str, arguments: list[str]) -> None:
        if len(trained) == 2:
            raise KeyboardInterrupt
        measure(name, arguments)

    monkeypatch.setattr(training, "run", counted)
    monkeypatch.setattr(evaluate, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        run(smoke(broken, axes=axes), tmp_path / "b")
    monkeypatch.setattr(evaluate, "run", measure)
    assert run(smoke(broken, axes=axes), tmp_path / "b") == 0
    assert len(trained) == len(set(trained)) == 2, "what was trained is not trained again"
    assert figures(broken) == figures(whole)


@pytest.mark.slow
def test_trainings_of_their_own_processes_come_to_the_same(tmp_path) -> None:
    axes = {"k": {"setting": "model.selector.init_args.k", "values": [1, 4]}}
    assert run(smoke(tmp_path / "here", axes=axes), tmp_path / "a") == 0
    assert run(smoke(tmp_path / "there", axes=axes, jobs=2), tmp_path / "b") == 0
    assert figures(tmp_path / "here") == figures(tmp_path / "there")


def untrained(folder: Path, steps: dict[str, int], **changed: Any) -> dict[str, Any]:
    """A study that trains nothing."""
    setting = "evaluation.methods.ours.init_args.share"
    study = smoke(folder, axes={"share": {"setting": setting, "values": steps}}, figures=["seam"])
    del study["fit"], study["settings"]
    collage = {"methods": {"ours": {"class_path": "Collage"}}, "metrics": [{"class_path": "Seam"}]}
    return study | {"evaluation": study["evaluation"] | collage} | changed


def test_values_and_figures_may_be_added_to_a_finished_study(tmp_path, monkeypatch) -> None:
    assert run(untrained(tmp_path / "study", {"half": 0.5}), tmp_path) == 0
    measured = []
    whole_run = evaluate.run
    monkeypatch.setattr(evaluate, "run", lambda *words: (measured.append(words), whole_run(*words)))
    assert run(untrained(tmp_path / "study", {"half": 0.5, "most": 0.9}), tmp_path) == 0
    assert len(measured) == 1 and [row["share"] for row in figures(tmp_path / "study")] == ["half", "most"]


def test_another_study_does_not_mix_with_what_is_there(tmp_path, capsys) -> None:
    assert run(untrained(tmp_path / "study", {"half": 0.5}), tmp_path) == 0
    other = untrained(tmp_path / "study", {"half": 0.5})
    other["evaluation"] = other["evaluation"] | {"seeds": 2}
    assert run(other, tmp_path) == 2
    assert "study.json was written by a study with other evaluation" in capsys.readouterr().err
    assert run(untrained(tmp_path / "study", {"half": 0.4}), tmp_path) == 2
    assert "cell.json was written with other settings" in capsys.readouterr().err


def test_values_may_be_of_classes_that_are_no_components(tmp_path, monkeypatch) -> None:
    stopping = {"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": {"monitor": "val_loss"}}
    optimizer = {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.001}}
    axes = {
        "stopping": {"setting": "trainer.callbacks", "values": {"none": None, "early": [stopping]}},
        "optimizer": {"setting": "model.optimizer", "values": [optimizer]},
    }
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(ablation, "_run_cells", lambda plan, folder, name, cells: asked.append(cells[0].fit))
    assert run(smoke(tmp_path / "study", axes=axes), tmp_path) == 2, "nothing was evaluated"
    (early,) = asked[0]["trainer.callbacks"]
    assert (early["class_path"], early["init_args"]["monitor"]) == (stopping["class_path"], "val_loss")
    assert asked[1]["trainer.callbacks"] is None
    assert asked[0]["model.optimizer"]["init_args"]["lr"] == 0.001


def test_a_config_that_was_edited_in_between_is_refused(tmp_path, capsys) -> None:
    layer = tmp_path / "layer.yaml"
    layer.write_text("trainer: {max_steps: 1}\n")
    study = smoke(tmp_path / "study")
    study["fit"] = [*study["fit"], str(layer)]
    assert run(study, tmp_path) == 0
    layer.write_text("trainer: {max_steps: 2}\n")
    assert run(study, tmp_path) == 2
    assert "configs.json was written with other settings" in capsys.readouterr().err


def test_a_launcher_says_where_the_command_goes(tmp_path, capsys) -> None:
    assert run(smoke(tmp_path / "study", launcher="srun"), tmp_path) == 2
    assert "does not say where {command} goes" in capsys.readouterr().err
