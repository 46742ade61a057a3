"""`evaluate`: methods side by side on the same cases, every figure with its range."""

import json
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from dreaminpainter.commands.calling import call
from dreaminpainter.commands.devices import chosen_device
from dreaminpainter.commands.noise import silence_loading, silence_noise
from dreaminpainter.components import describe
from dreaminpainter.data import masking, sources  # noqa: F401  their classes can be named without modules
from dreaminpainter.evaluation.cases import CaseBuilder, CrittersCases
from dreaminpainter.evaluation.encoders import ImageEncoder, ProbeEncoder
from dreaminpainter.evaluation.evaluating import Evaluation
from dreaminpainter.evaluation.methods import (
    Collage,
    MeanColour,
    Method,
    Ours,
    OursWithoutReference,
    OursWithoutText,
    RealPicture,
)
from dreaminpainter.evaluation.metrics import (
    FID,
    KID,
    Attributes,
    Background,
    Diversity,
    Identity,
    OutlineCopy,
    SampleMetric,
    Seam,
    SetMetric,
)
from dreaminpainter.evaluation.reliance import Reliance
from dreaminpainter.evaluation.writing import write_report
from dreaminpainter.pretrained import CRITTERS
from dreaminpainter.processes import Processes

CEILING, FLOOR = "ceiling (real picture)", "floor (mean colour)"


def evaluate(
    checkpoint: str = CRITTERS,
    cases: CaseBuilder | None = None,
    methods: dict[str, Method] | None = None,
    metrics: list[SampleMetric] | None = None,
    quality: list[SetMetric] | None = None,
    seeds: int = 2,
    batch_size: int = 16,
    reliance: Reliance | None = None,
    output: str = "runs/evaluation",
    device: str = "auto",
) -> None:
    """Fills cases by every method, measures, and writes report.md, report.html, report.json and results.parquet.

    Ended at any point and run again with the same settings, it goes on where it was. Ceiling and floor are always in
    the table. With `torchrun --nproc-per-node 2 -m dreaminpainter evaluate ...` two processes share the work, and the
    table is the same.

    Args:
        checkpoint: what the methods are made of where none are given: a training checkpoint, the folder of a saved
            pipeline, or "critters", the model in the box.
        cases: what is to be filled; drawn critters by default.
        methods: what is compared, by names of your choice; by default the checkpoint, the same without its text and
            without its reference, and a collage.
        metrics: how single fills are judged; by default what drawn critters need and no download, which says nothing
            of photographs: for these name Identity and TextAlignment with DINOEncoder and CLIPEncoder.
        quality: how all fills are judged together, against real pictures; by default FID and KID of the probes.
        seeds: fills of each case by methods that draw.
        batch_size: cases filled at once.
        reliance: also measure how much the model leans on text and reference, such as Reliance.
        output: folder for the report, the cases and all fills.
        device: "cpu", "cuda", "mps", or "auto" for the fastest there is.
    """
    silence_noise()
    silence_loading()
    processes = Processes.started()
    own = methods or _default_methods(checkpoint)
    methods = {CEILING: RealPicture(), **own, FLOOR: MeanColour()}
    metrics = _default_metrics() if metrics is None else metrics
    quality = [FID(ProbeEncoder()), KID(ProbeEncoder())] if quality is None else quality
    chosen = processes.device(chosen_device(device))
    for method in methods.values():
        method.device = chosen
    shared: dict[str, ImageEncoder] = {}
    parts: list[Any] = [*metrics, *quality]
    for part in parts:
        if isinstance(encoder := getattr(part, "encoder", None), ImageEncoder):
            # Equal ones are one: large encoders are read once, and lie in memory once.
            part.encoder = shared.setdefault(json.dumps(describe(encoder)), encoder)
    for one in (*shared.values(), *(one for metric in metrics for one in metric.encoders())):
        one.device = chosen
    folder = Path(output)
    built = processes.first_alone(lambda: (cases or CrittersCases()).build(folder / "cases"))
    probes = any(isinstance(one, ProbeEncoder) for one in shared.values())
    if processes.is_first and probes and not any(case.attributes for case in built.cases):
        print(
            "note: these cases are no drawn critters, and of anything else the probes' figures (probes-I, FID and KID) "
            "tell nothing. Name metrics and quality with DINOEncoder and CLIPEncoder, as "
            "configs/evaluation/dreambooth.yaml does.",
            file=sys.stderr,
        )
    evaluation = Evaluation(folder, built, methods, metrics, quality, seeds, batch_size, reliance)
    rows = evaluation.run(processes)
    if processes.is_first:
        report = write_report(evaluation, rows, judged=next(iter(own)))
        print("\n".join(report.tables[0].text(get_terminal_size().columns)))
        print("Intervals, kinds of cases, pictures and settings are in the report:")
        print("\n".join(str(folder / f"report.{kind}") for kind in ("html", "md", "json")))


def _default_methods(checkpoint: str) -> dict[str, Method]:
    return {
        "ours": Ours(checkpoint),
        "ours, without text": OursWithoutText(checkpoint),
        "ours, without reference": OursWithoutReference(checkpoint),
        "collage": Collage(),
    }


def _default_metrics() -> list[SampleMetric]:
    return [Attributes(), Identity(ProbeEncoder()), OutlineCopy(), Diversity(), Background(), Seam()]


def run(name: str, arguments: list[str]) -> None:
    """Runs the command with the given arguments."""
    # So that --cases.count is understood without naming the class first.
    call(evaluate, name, arguments, defaults={"cases": {"class_path": "CrittersCases"}})
