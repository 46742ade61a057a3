"""`ablate`: a setting varied, each value trained and measured, and what that says."""

import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.commands import evaluate, training
from dreaminpainter.commands.calling import parsed
from dreaminpainter.configuration import find_config
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.ablation.plan import Axis, Cell, Plan, nested
from dreaminpainter.evaluation.ablation.report import table_lines, write_study
from dreaminpainter.evaluation.ablation.results import Results
from dreaminpainter.evaluation.ablation.words import paragraph
from dreaminpainter.pretrained import CRITTERS

COMMAND = "{command}"
DONE, STUDY, CONFIGS = "done", "study.json", "configs.json"
CELL = "cell.json"


def ablate(
    question: str,
    output: str,
    fit: list[str] | None = None,
    axes: dict[str, Axis] | None = None,
    seeds: list[int] | None = None,
    settings: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    figures: list[str] | None = None,
    method: str = "ours",
    jobs: int = 1,
    launcher: str | None = None,
    only: str | None = None,
) -> None:
    """Trains and evaluates every combination of values, and writes a table, a plot an axis, and what they say.

    A study is best written as a config; `configs/ablations` has one for each question that a reader of the paper asks:

        question: How does K trade identity against editability?
        fit: [configs/critters.yaml, configs/ablations/layers/study.yaml]
        axes:
          k: {setting: model.selector.init_args.k, values: [1, 8, 24]}
        seeds: [0, 1, 2]

    Every combination is a cell with a folder of its own: one `fit` and one `evaluate`, both resumable. Ended at any
    point and run again, the study goes on; what is done is not done again. Cells that are trained alike, because they
    differ in the evaluation alone, share one training.

    Args:
        question: what the study answers, in words.
        output: folder for the cells, the table and the plots.
        fit: configs of `fit`, layered; without any, the model in the box is measured as it is.
        axes: what is varied: for each a dotted setting of `fit`, or of `evaluate` after "evaluation.", and its values.
        seeds: of trainings; each combination is trained once a seed.
        settings: dotted settings of `fit` for all trainings, such as {"trainer.max_steps": 500}.
        evaluation: settings of `evaluate`, as in its configs; "{checkpoint}" stands for the trained model. Where
            methods are not among them, that alone is measured.
        figures: which figures of the evaluation the table, the plots and the words tell of: columns of its metrics,
            "seconds" and "GFLOP" of a fill.
        method: the method among the evaluation's that is the trained model.
        jobs: how many trainings run at once, each in a process of its own, all on this machine's same devices; 1 runs
            them one by one in this process.
        launcher: runs each training elsewhere: a command in which {command} stands for what is to be run, such as
            "srun --gpus 1 {command}". It has to wait for its end.
        only: run the cells of this one training, and write no report; what a launcher is given.
    """
    given = {"fit": fit, "axes": axes, "seeds": seeds, "settings": settings, "evaluation": evaluation}
    given |= {"figures": figures}
    plan = Plan(question, method=method, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    if jobs < 1:
        raise SettingError(f"jobs is {jobs}; give 1 or more.")
    if launcher is not None and COMMAND not in launcher:
        raise SettingError(f"The launcher {launcher!r} does not say where {COMMAND} goes.")
    folder = Path(output)
    trainings = plan.trainings()
    if only is not None:
        if only not in trainings:
            raise SettingError(f"This study has no training {only!r}, but {', '.join(trainings)}.")
        _run_cells(plan, folder, only, trainings[only])
        return
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, plan)
    # A config that is edited in between would mix trainings of two kinds.
    _write(folder / CONFIGS, {name: find_config(name).read_text(encoding="utf-8") for name in plan.fit})
    waiting = {name: cells for name, cells in trainings.items() if not all(_is_done(folder, one) for one in cells)}
    if jobs == 1 and launcher is None:
        for number, (name, cells) in enumerate(waiting.items(), start=1):
            if plan.fit:
                print(f"training {number} of {len(waiting)}: {name}")
            _run_cells(plan, folder, name, cells)
    else:
        _run_elsewhere(list(waiting), folder, jobs, launcher or COMMAND)
    results = Results.read(plan, folder)
    report = write_study(results, folder)
    print("\n".join([f"\n{question}\n", *table_lines(results), "", paragraph(results), "", str(report)]))


def _run_cells(plan: Plan, folder: Path, training_name: str, cells: list[Cell]) -> None:
    """One training, and the evaluations that read it."""
    checkpoint = _trained(plan, folder / "trainings" / training_name, cells[0])
    for number, cell in enumerate(cells, start=1):
        if _is_done(folder, cell):
            continue
        print(f"evaluation {number} of {len(cells)}: {cell.name}")
        place = folder / "cells" / cell.name
        place.mkdir(parents=True, exist_ok=True)
        _write(place / CELL, {"fit": cell.fit, "evaluation": cell.evaluation})
        config = place / "evaluation.json"
        _write(config, plan.evaluation_of(cell, checkpoint))
        evaluate.run("evaluate", ["--config", str(config), "--output", str(place / "evaluation")])
        (place / DONE).touch()


def _trained(plan: Plan, folder: Path, cell: Cell) -> str:
    """The checkpoint of a training, made where it is not there yet; the model in the box where nothing is trained."""
    if not plan.fit:
        if cell.fit:
            raise SettingError(f"The study names no config of fit, and yet varies {', '.join(cell.fit)} of it.")
        return CRITTERS
    checkpoint = folder / "checkpoints" / "last.ckpt"
    if not (folder / DONE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "settings.json"
        _write(config, nested(cell.fit))
        layers = [word for name in plan.fit for word in ("--config", str(find_config(name)))]
        own = ["--config", str(config), "--trainer.default_root_dir", str(folder), "--seed_everything", str(cell.seed)]
        training.run("fit", [*layers, *own])
        (folder / DONE).touch()
    return str(checkpoint)


def _run_elsewhere(names: list[str], folder: Path, jobs: int, launcher: str) -> None:
    """Each training by this same command in a process of its own, `jobs` at once; their output goes into files."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)

    def launch(name: str) -> int:
        own = ["ablate", "--config", str(folder / STUDY), "--output", str(folder), "--only", name]
        command = shlex.join([sys.executable, "-m", "dreaminpainter", *own])
        with (logs / f"{name}.log").open("ab") as log:
            run = subprocess.run(shlex.split(launcher.replace(COMMAND, command)), stdout=log, stderr=log, check=False)  # noqa: S603
        return run.returncode

    with ThreadPoolExecutor(jobs) as pool:
        codes = list(tqdm(pool.map(launch, names), "trainings", len(names)))
    failed = [name for name, code in zip(names, codes, strict=True) if code]
    if failed:
        raise SettingError(
            f"{len(failed)} of {len(names)} trainings failed; the first one's output is in {logs / failed[0]}.log. "
            "Run the command again to go on with the others."
        )


def _claim(folder: Path, plan: Plan) -> None:
    """Writes down what is studied. Values, seeds and figures may be added later; what cells have in common stays."""
    place, told = folder / STUDY, json.loads(json.dumps(asdict(plan)))
    before = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else told
    changed = [name for name in ("fit", "settings", "evaluation", "method") if before[name] != told[name]]
    if changed:
        raise SettingError(
            f"{place} was written by a study with other {', '.join(changed)}. Give another output folder, or these."
        )
    for cell in plan.cells():
        own = folder / "cells" / cell.name / CELL
        if own.is_file():
            _write(own, {"fit": cell.fit, "evaluation": cell.evaluation})
    sweep(folder, STUDY)
    with whole(place) as beside:
        beside.write_text(json.dumps(told, indent=2), encoding="utf-8")


def _is_done(folder: Path, cell: Cell) -> bool:
    return (folder / "cells" / cell.name / DONE).is_file()


def _write(path: Path, settings: dict[str, Any]) -> None:
    """Writes settings; those that are there already must be the same, or the folder is of another study."""
    text = json.dumps(settings, indent=2)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise SettingError(
            f"{path} was written with other settings. Give another output folder, or those settings; or delete "
            f"{path.parent} to make it anew."
        )
    sweep(path.parent, path.name)
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def run(name: str, arguments: list[str]) -> None:
    """Runs the command with the given arguments."""
    given = parsed(ablate, name, arguments)
    # Not made by this parser: `fit` and `evaluate` make the values, whatever classes they are of.
    axes = {axis: Axis(**values) for axis, values in (given.pop("axes") or {}).items()}
    ablate(**given, axes=axes)
