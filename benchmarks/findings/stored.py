"""A study's figures, fill by fill, in one file that travels with the project."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from dreaminpainter.evaluation.ablation.plan import Plan
from dreaminpainter.evaluation.ablation.results import Combination, Results
from dreaminpainter.evaluation.rows import Row

OWN = ("combination", "training seed", "case", "fill", "kind")
"""The columns beside the figures."""


def store(plan: Plan, folder: Path, path: Path) -> None:
    """Writes what the study in `folder` measured: a row a fill, and in the metadata what was run.

    Args:
        plan: the study.
        folder: its output.
        path: the Parquet file.
    """
    results = Results.read(plan, folder)
    lines: list[dict[str, Any]] = []
    for one in results.combinations:
        for seed, rows in one.rows.items():
            for row in rows:
                own = (json.dumps(one.labels), seed, row.case, row.seed, row.kind)
                lines.append(dict(zip(OWN, own, strict=True)) | row.figures)
    names = dict.fromkeys((*OWN, *(name for line in lines for name in line)))
    table = pa.table({name: [line.get(name) for line in lines] for name in names})
    for place, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.float32()))
    told = {"study": asdict(plan), "figures": results.figures, **_spent(folder)}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"findings": json.dumps(told)}), path, compression="zstd")


def load(path: Path) -> Results:
    """The study's figures as `Results.read` gives them of its folder; of each fill what the file holds."""
    table = pq.read_table(path)
    told = told_of(path)
    combinations: dict[str, Combination] = {}
    for line in table.to_pylist():
        labels, seed, case, fill, kind = (line.pop(name) for name in OWN)
        one = combinations.setdefault(labels, Combination(json.loads(labels), {}))
        figures = {name: value for name, value in line.items() if value is not None}
        one.rows.setdefault(seed, []).append(Row("ours", case, fill, kind, "", "", "", 0.0, figures))
    return Results(
        question=told["study"]["question"],
        axes=list(told["study"]["axes"]),
        figures=told["figures"],
        combinations=list(combinations.values()),
        cases=list(dict.fromkeys(table.column("case").to_pylist())),
        trained=bool(told["study"]["fit"]),
    )


def told_of(path: Path) -> dict[str, Any]:
    """What was run: the study's plan, which figures it tells of, and what its trainings took."""
    found: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"findings"])
    return found


def _spent(folder: Path) -> dict[str, Any]:
    """Steps and samples a step as the trainings had them, and hours from the first to the last file of each: what
    another process took from it is in them."""
    seconds, told = 0.0, dict[str, Any]()
    for done in folder.glob("trainings/*/done"):
        seconds += done.stat().st_mtime - (done.parent / "settings.json").stat().st_mtime
        config = yaml.safe_load((done.parent / "logs" / "config.yaml").read_text(encoding="utf-8"))
        told |= {"steps": config["trainer"]["max_steps"], "batch size": config["data"]["batch_size"]}
    return told | {"training hours": round(seconds / 3600, 2)}
