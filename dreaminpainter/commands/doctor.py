"""`doctor`: what is wrong with this data, before an hour of training finds out."""

import json
from argparse import SUPPRESS
from collections.abc import Iterable
from inspect import signature
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from dreaminpainter.configuration import find_config, hint, with_configs_found
from dreaminpainter.data import sources  # noqa: F401  its classes can be named without their module
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.doctor import contact_sheet, examine, page, report_on
from dreaminpainter.data.doctor.report import Report
from dreaminpainter.data.store import reading  # noqa: F401  likewise
from dreaminpainter.errors import SettingError

_READ_OVER = (
    *("trainer", "model", "ema", "losses", "nonfinite", "pictures", "predictions", "checkpoint"),
    *("optimizer", "lr_scheduler", "ckpt_path", "weights_only"),
)
"""What else a config of `fit` may hold."""

USAGE = """%(prog)s CONFIG-OR-DIR [CONFIG-OR-DIR ...] [settings]

Looks at the data of configs of `dreaminpainter fit`, layered as there, or of folders of prepared data, and writes
report.html (with a contact sheet; opens in a browser, without a network) and report.json. For example:

  dreaminpainter doctor configs/sd15.yaml configs/data/coco.yaml --data.train.coco.init_args.root data/coco
  dreaminpainter doctor data/prepared --samples 1000 --output runs/prepared

Exit code: 0 where there are no errors (warnings and notes there may be), 1 where there are, 2 where the data could not
be examined at all."""


def doctor(
    data: InpaintingDataModule,
    subject: list[str],
    output: str = "runs/doctor",
    samples: int = 256,
    num_workers: int = 2,
) -> Report:
    """Examines data and writes `report.html` and `report.json`.

    Args:
        data: the sources, and how samples are made of them.
        subject: what the report calls them.
        output: the folder for the report.
        samples: at most so many objects of each source and split are opened, evenly spread and the same each time; a
            large number opens all.
        num_workers: processes that open objects; 0 opens them in the command's own.

    Raises:
        SettingError: a number is out of range.
    """
    examination = examine(data, samples, num_workers)
    report = report_on(examination, subject)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
    (folder / "report.html").write_text(page(report, contact_sheet(examination, report.findings)), encoding="utf-8")
    return report


def run(name: str, arguments: list[str]) -> int:
    """Runs the command with the given arguments.

    Returns:
        0 where the data has no errors, 1 where it has.

    Raises:
        SettingError: an argument or config that cannot be understood.
    """
    leading = list(takewhile(lambda word: not word.startswith("-"), arguments))
    later = with_configs_found(arguments[len(leading) :])
    subject = [*leading, *(word for before, word in pairwise(later) if before == "--config")]
    settings = [*_layers(leading), *later]
    parser = _parser(name)
    try:
        made = parser.instantiate(parser.parse_args(settings))
    except ArgumentError as error:
        more = hint(str(error), [word for word in settings if not word.startswith("{")], _known_names())
        raise SettingError(f"{error}.{more}\nAll settings: dreaminpainter {name} --help") from error
    report = doctor(made.data, subject, made.output, made.samples, made.num_workers)
    for finding in report.findings:
        print(f"{finding.level}: {finding.message}")
    print(f"\n{report.verdict}\n{Path(made.output) / 'report.html'}\n{Path(made.output) / 'report.json'}")
    return int(report.has_errors)


def _parser(name: str) -> ArgumentParser:
    """Of the data that a config of `fit` holds; the other parts are read over."""
    parser = ArgumentParser(prog=f"dreaminpainter {name}", usage=USAGE, exit_on_error=False)
    parser.add_argument("--config", action="config", help="another config, laid over those before it")
    parser.add_function_arguments(doctor, skip={"data", "subject"})
    parser.add_class_arguments(InpaintingDataModule, "data")
    parser.add_argument(
        "--seed_everything", type=bool | int, default=0, help="the seed that the data's draws start from"
    )
    parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
    for part in _READ_OVER:
        parser.add_argument(f"--{part}", type=Any, help=SUPPRESS)
    return parser


def _layers(words: list[str]) -> list[str]:
    """Folders of prepared data, as a config in JSON, and the configs laid over it."""
    folders = [word for word in words if Path(word).is_dir()]
    configs = [word for name in words if name not in folders for word in ("--config", str(find_config(name)))]
    if not folders:
        return configs
    prepared = {one: {"class_path": "PreparedSource", "init_args": {"root": one}} for one in folders}
    # Neither captions nor a full batch are asked of data that no training has been planned for yet.
    data = {"train": prepared, "validation": {}, "captioner": "ClassNameCaptioner", "batch_size": 1}
    return ["--config", json.dumps({"data": data}), *configs]


def _known_names() -> Iterable[str]:
    return [f"data.{name}" for name in signature(InpaintingDataModule).parameters]
