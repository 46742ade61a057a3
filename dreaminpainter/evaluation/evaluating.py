"""Cases times methods: fills and their figures, resumable, by one process or several.

Everything lies in one folder: `settings.json`, the protocol; `cases/`; and for each method a folder with its fills, the
rows of their figures, `method.json` and `cost.json`.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.components import describe
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.cases import Case, CaseSet, Problem, open_problem
from dreaminpainter.evaluation.cost import cost_of
from dreaminpainter.evaluation.methods import Method, Ours, OursWithoutReference, OursWithoutText
from dreaminpainter.evaluation.metrics import SampleMetric, SetMetric
from dreaminpainter.evaluation.reliance import Reliance
from dreaminpainter.evaluation.rows import Row, Rows
from dreaminpainter.evaluation.samples import Sample
from dreaminpainter.evaluation.settings import Protocol
from dreaminpainter.evaluation.statistics import Interval
from dreaminpainter.evaluation.together import embeddings
from dreaminpainter.processes import Processes


@dataclass
class Evaluation:
    """What is measured, and where it is written.

    Args:
        folder: of everything that it writes.
        cases: what is asked.
        methods: who answers, by the names that the tables give them.
        metrics: how single fills are judged.
        quality: how all fills are judged together.
        seeds: fills of each case; methods that draw nothing fill each once.
        batch_size: cases that a method is given at once. The last bits of a fill can depend on it.
        reliance: measures, of methods that are this package's model with both its inputs, how much they lean on text
            and reference.

    Raises:
        SettingError: a number is out of range, two metrics have a column of the same name, there is one case alone for
            figures of all of them together, a method's name is no name of a folder.
    """

    folder: Path
    cases: CaseSet
    methods: dict[str, Method]
    metrics: list[SampleMetric]
    quality: list[SetMetric]
    seeds: int = 2
    batch_size: int = 16
    reliance: Reliance | None = None

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.batch_size < 1:
            raise SettingError(f"seeds is {self.seeds} and batch_size {self.batch_size}; give 1 or more.")
        names = [column.name for metric in self.metrics for column in metric.columns]
        names += [metric.name for metric in self.quality]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SettingError(f"Two metrics give a figure of the name {', '.join(twice)}. Leave one of them out.")
        if self.quality and len(self.cases) < 2:
            raise SettingError(f"{self.quality[0].name} needs two cases or more. Give more, or no `quality` ([]).")
        unfit = [name for name in self.methods if Path(name).name != name or name in ("", ".", "..", "cases")]
        if unfit:
            raise SettingError(f"The method's name {unfit[0]!r} cannot be a folder's. Give another.")

    def run(self, processes: Processes | None = None) -> list[Row]:
        """Fills and measures what is not there yet.

        Args:
            processes: of which this is one; this one alone by default.

        Returns:
            All rows, of all processes, in the order of methods, cases and seeds.

        Raises:
            SettingError: the folder holds figures of other settings.
        """
        processes = processes or Processes()
        self._claim(processes)
        for name, method in self.methods.items():
            self._run_method(name, method, processes)
        processes.wait()
        return self.rows()

    def rows(self) -> list[Row]:
        """What has been measured, in the order of methods, cases and seeds."""
        places = {case.id: place for place, case in enumerate(self.cases.cases)}
        return [
            row
            for name in self.methods
            for row in sorted(Rows(self.folder / name).read(), key=lambda row: (places[row.case], row.seed))
        ]

    def qualities(self) -> dict[str, dict[str, Interval]]:
        """The figures of each method's fills taken together, by method and metric."""
        views = {_view(metric): (metric.encoder, metric.crop) for metric in self.quality}

        def embedded(files: Callable[[Case], list[Path]]) -> dict[str, torch.Tensor]:
            return dict(zip(views, embeddings(list(views.values()), self.cases, files), strict=True))

        real = embedded(lambda case: [self.cases.folder / (case.truth or case.scene)])
        found: dict[str, dict[str, Interval]] = {}
        for name, method in self.methods.items():
            fills = embedded(partial(self._pictures, name, method))
            found[name] = {
                metric.name: metric.measure(fills[_view(metric)], real[_view(metric)]) for metric in self.quality
            }
        return found

    def _pictures(self, name: str, method: Method, case: Case) -> list[Path]:
        return [self.folder / self._picture(name, case, seed) for seed in self._seeds(method)]

    def _claim(self, processes: Processes) -> None:
        protocol = Protocol.of(self.cases, self.seeds, self.metrics, self.quality, self.reliance)
        if processes.is_first:
            self.folder.mkdir(parents=True, exist_ok=True)
            sweep(self.folder)
            before = Protocol.read(self.folder)
            if before is not None:
                protocol.refuse_others(before, str(self.folder))
            for name, method in self.methods.items():
                sweep(self.folder / name)
                sweep(self.folder / name / "fills")
                _claim_method(self.folder / name, method)
            protocol.write(self.folder)
        processes.wait()

    def _run_method(self, name: str, method: Method, processes: Processes) -> None:
        folder = self.folder / name
        rows = Rows(folder, processes.rank)
        done = {(row.case, row.seed) for row in rows.read()}
        processes.wait()
        wanted = [
            chunk
            for chunk in processes.share(list(_chunks(self.cases.cases, self.batch_size)))
            if any((case.id, seed) not in done for case in chunk for seed in self._seeds(method))
        ]
        if processes.is_first and not (folder / "cost.json").is_file():
            cost = cost_of(method, open_problem(self.cases, self.cases.cases[0]))
            with whole(folder / "cost.json") as beside:
                beside.write_text(json.dumps(asdict(cost)), encoding="utf-8")
        for chunk in tqdm(wanted, name, unit="batch", disable=None if processes.is_first else True, leave=False):
            rows.add(self._measured(name, method, chunk))

    def _measured(self, name: str, method: Method, cases: list[Case]) -> list[Row]:
        problems = [open_problem(self.cases, case) for case in cases]
        others = [open_problem(self.cases, self.cases.unrelated(case)) for case in cases]
        samples: list[Sample] = []
        seconds: list[float] = []
        for seed in self._seeds(method):
            fills, took = _timed(method, problems, seed)
            for problem, fill, other in zip(problems, fills, others, strict=True):
                path = self.folder / self._picture(name, problem.case, seed)
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole(path) as beside:
                    fill.save(beside, "PNG")
                samples.append(Sample.of(problem, fill, seed, other))
                seconds.append(took)
        figures: list[dict[str, float]] = [{} for _ in samples]
        for metric in self.metrics:
            for own, values in zip(figures, metric.score(samples).tolist(), strict=True):
                own |= dict(zip([column.name for column in metric.columns], values, strict=True))
        # Not of a model from which text or reference is kept: what it would heed is not what it is given.
        is_deprived = isinstance(method, OursWithoutText | OursWithoutReference)
        if self.reliance is not None and isinstance(method, Ours) and not is_deprived:
            # Nothing of it depends on a fill's noise, so all of a case's fills have the same.
            leaning = self.reliance.figures(method.pipeline, problems, others, method.k) * len(self._seeds(method))
            figures = [own | more for own, more in zip(figures, leaning, strict=True)]
        return [
            Row(
                name,
                one.case.id,
                one.seed,
                one.case.kind,
                one.case.subject,
                one.case.prompt,
                self._picture(name, one.case, one.seed),
                took,
                {key: value for key, value in own.items() if not math.isnan(value)},
            )
            for one, took, own in zip(samples, seconds, figures, strict=True)
        ]

    def _seeds(self, method: Method) -> range:
        return range(self.seeds if method.draws else 1)

    @staticmethod
    def _picture(name: str, case: Case, seed: int) -> str:
        return f"{name}/fills/{case.id}-{seed}.png"


def _view(metric: SetMetric) -> str:
    """What embeds for it, and what of a picture; metrics that share it share the embeddings."""
    return json.dumps([describe(metric.encoder), describe(metric.crop)])


def _timed(method: Method, problems: list[Problem], seed: int) -> tuple[list[Image.Image], float]:
    start = perf_counter()
    fills = method.fill(problems, seed)
    return fills, (perf_counter() - start) / len(problems)


def _claim_method(folder: Path, method: Method) -> None:
    told: dict[str, Any] = {"method": describe(method), "state": method.state()}
    place = folder / "method.json"
    if place.is_file():
        before = json.loads(place.read_text(encoding="utf-8"))
        if before != json.loads(json.dumps(told)):
            raise SettingError(
                f"{folder} holds fills of another method or of other weights under this name ({place} tells which). "
                "Give the method another name, or give another output folder."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    with whole(place) as beside:
        beside.write_text(json.dumps(told, indent=2), encoding="utf-8")


def _chunks(cases: list[Case], size: int) -> Iterator[list[Case]]:
    yield from (cases[start : start + size] for start in range(0, len(cases), size))
