"""How well the model in the box keeps the subject and follows the text, on identities that it never saw."""

import platform
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import diffusers
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.drawings import loose_holes
from benchmarks.methods import Coded, Method, Model, Wordless, another_drawing, collage, truth
from benchmarks.probes import FOLDER as PROBES
from benchmarks.probes import accuracy
from benchmarks.statistics import percent, table
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.critters.attributes import IDENTITY, TEXT
from dreaminpainter.data.sources.critters import CrittersSource
from dreaminpainter.evaluation import AttributeProbes
from dreaminpainter.evaluation.methods.ours import without_reference
from dreaminpainter.evaluation.metrics.attributes import FOLLOWED
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.randomness import sample_key
from dreaminpainter.types import Batch, Reference

RESULT = "benchmarks/results/critters.md"


@dataclass
class Score:
    """What was seen in one method's fills.

    Args:
        right: (n,) bool of each attribute.
        background: the greatest difference of any pixel outside the holes, in steps of 1 / 255.
    """

    right: dict[str, Tensor]
    background: float

    def mean(self, names: tuple[str, ...]) -> Tensor:
        """(n,) the share of the attributes `names` that are right."""
        return torch.stack([self.right[name].double() for name in names]).mean(0)


def critters(
    model: str = "critters",
    probes: str = PROBES,
    samples: int = 320,
    batch_size: int = 64,
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    reference_scale: float | None = None,
    output: str = RESULT,
) -> None:
    """Measures a model of critters with the attribute probes and writes the table.

    Args:
        model: checkpoint, folder or packaged name.
        probes: folder of the attribute probes.
        samples: held-out scenes.
        batch_size: scenes at a time.
        num_inference_steps: denoising steps; those that the model was made for where left out.
        guidance_scale: guidance along the text, likewise.
        reference_scale: guidance along the reference, likewise; 1 is the paper's.
        output: the Markdown file to write.
    """
    judge = AttributeProbes.from_pretrained(probes, dtype=torch.float32).eval()
    pipeline = load_pipeline(model)
    pipeline.set_progress_bar_config(disable=True)
    made_for = pipeline.adapter.config
    sampling = {
        "num_inference_steps": made_for.num_inference_steps if num_inference_steps is None else num_inference_steps,
        "guidance_scale": made_for.guidance_scale if guidance_scale is None else guidance_scale,
        "reference_scale": made_for.reference_scale if reference_scale is None else reference_scale,
    }
    along_text = sampling | {"reference_scale": 1.0}
    methods: dict[str, Method] = {
        "ceiling: the true drawing": truth,
        "the same, encoded and decoded": Coded(pipeline.vae),
        "this model": Model(pipeline, **sampling),
        "this model, text alone": Model(without_reference(pipeline), **along_text),
        "this model, neither": Wordless(without_reference(pipeline), **along_text),
        "cut-and-paste collage": collage,
        "floor: another drawing": another_drawing,
    }
    if sampling["reference_scale"] != 1:
        methods["this model, reference scale 1"] = Model(pipeline, **along_text)
    source = held_out(pipeline, samples)
    scores, contradicting = measure(methods, judge, source, batch_size)
    page = report(
        scores,
        contradicting,
        accuracy(judge, source.size, batches=32),
        f"{model}, {sampling['num_inference_steps']} steps, guidance {sampling['guidance_scale']:g}, reference scale "
        f"{sampling['reference_scale']:g}",
    )
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(page)
    print(page)


def held_out(pipeline: DreamInpainterPipeline, samples: int) -> CrittersSource:
    """Scenes of identities that were never trained on, at the size that the pipeline's model is made for."""
    made_for = pipeline.adapter.config
    return CrittersSource(
        size=made_for.image_size[0],
        reference_size=made_for.reference_size,
        count=samples,
        split="test",
        view="cross",
        supersample=1,
        reference_supersample=1,
    )


def measure(
    methods: dict[str, Method], judge: AttributeProbes, source: CrittersSource, batch_size: int
) -> tuple[dict[str, Score], Tensor]:
    """Fills the source's scenes by each method.

    Returns:
        Each method's score, and (n,) bool: whether the reference's hat, mouth and pose all differ from the prompt's.
    """
    parts: dict[str, list[dict[str, Tensor]]] = {name: [] for name in methods}
    worst = dict.fromkeys(methods, 0.0)
    contradicting = []
    for start in tqdm(range(0, len(source), batch_size), desc="scenes"):
        batch, codes, differs = cases(source, torch.arange(start, min(start + batch_size, len(source))))
        contradicting.append(differs)
        for name, method in methods.items():
            images = method(batch)
            before, after = ((batch.image / 2 + 0.5) * 255).round(), (images * 255).round()
            worst[name] = max(worst[name], float(((after - before).abs() * (1 - batch.mask)).max()))
            parts[name].append(judge.right(images * 2 - 1, boxes_of(batch.mask), codes))
    scores = {
        name: Score({key: torch.cat([part[key] for part in found]) for key in (*IDENTITY, *TEXT)}, worst[name])
        for name, found in parts.items()
    }
    return scores, torch.cat(contradicting)


def cases(source: CrittersSource, ids: Tensor) -> tuple[Batch, dict[str, Tensor], Tensor]:
    """The scenes `ids` with loose holes around critter, hat and ride; their codes; which references contradict them."""
    drawing = source.draw(ids)
    keys = torch.tensor([sample_key(0, "benchmark", source.id_of(index)) for index in ids.tolist()])
    codes, shown = drawing.attribute_codes, drawing.reference_codes
    batch = Batch(
        image=drawing.image,
        mask=loose_holes(drawing.subject_box, keys, source.size),
        reference=Reference(drawing.reference_image, drawing.reference_mask),
        class_name=["critter"] * len(drawing),
        caption=[texts[0] for texts in drawing.captions],
        source=[source.name] * len(drawing),
        id=[source.id_of(index) for index in ids.tolist()],
        key=keys,
    )
    differs = torch.stack([codes[name] != shown[name] for name in FOLLOWED]).all(0)
    return batch, {name: codes[name] for name in (*IDENTITY, *TEXT)}, differs


def together(score: Score) -> Tensor:
    """(n,) the share of pairs of one attribute of the reference and one of the text of which both are right."""
    return score.mean(IDENTITY) * score.mean(FOLLOWED)


def report(scores: dict[str, Score], contradicting: Tensor, own: dict[str, float], what: str) -> str:
    """The page: what was measured, the summary, and every attribute."""
    count, opposed = len(contradicting), int(contradicting.sum())
    summary = [
        [
            name,
            percent(score.mean(IDENTITY)),
            percent(score.mean(FOLLOWED)),
            percent(score.mean(("ride",))),
            percent(together(score)[contradicting]),
            f"{score.background:g}",
        ]
        for name, score in scores.items()
    ]
    attributes = (*IDENTITY, *FOLLOWED, "ride")
    details = [
        [name, f"{100 * own[name]:.1f}", *(percent(score.mean((name,))) for score in scores.values())]
        for name in attributes
    ]
    lines = [
        "# Critters: the subject kept, the text followed",
        "",
        f"Measured on {date.today()} with {what}; {count} scenes of identities that were never trained on, each with a "
        "loose box (1.2 to 1.8 times the size, of random aspect) around critter, hat and ride, the reference in cross "
        f"view. {platform.machine()}, {torch.get_num_threads()} CPU threads, torch {torch.__version__}, diffusers "
        f"{diffusers.__version__}. Written by `python -m benchmarks critters`.",
        "",
        "Figures are the share of fills, in percent, of which an attribute probe says that they show what they should, "
        "with 95 % bootstrap intervals over scenes. The probes were trained on true drawings alone; how often they are "
        "right about true drawings of held-out identities stands beside them.",
        "",
        "- *reference*: mean over body, palette, pattern, eyes and marks, which the reference alone tells;",
        "- *text*: mean over hat, mouth and pose, which the text alone tells (the reference shows its own, drawn "
        "independently);",
        f"- *both, contradicting*: on the {opposed} scenes whose reference shows another hat, mouth and pose than the "
        "prompt asks for: the share of pairs (one of *reference*, one of *text*) of which both are right;",
        "- *encoded and decoded*: by the model's autoencoder; what is lost there, no network brings back;",
        "- *reference scale 1*: guidance along the text alone, as in the paper's eq. 5;",
        "- *text alone*: the same model asked without its reference; *neither*: with an empty text as well, so that "
        "all it can go by is the scene, whose hole tells a little of size and pose;",
        "- *background*: the greatest difference of any pixel outside the hole, of 255.",
        "",
        *table(["", "reference", "text", "ride", "both, contradicting", "background"], summary),
        "",
        "## Every attribute",
        "",
        *table(["", "probe's own", *scores], details),
        "",
    ]
    return "\n".join(lines)
