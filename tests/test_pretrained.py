"""The model in the box: there, small enough, and as good as it is said to be."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

from benchmarks.critters import Score, held_out, measure
from benchmarks.methods import Model, another_drawing, truth
from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.data.critters import CAPTION_WORDS
from dreaminpainter.evaluation import AttributeProbes
from dreaminpainter.pretrained import CRITTERS, packaged
from dreaminpainter.tokenizer import spelled_words

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "tests" / "models" / "critters_small"
MARGINS = {
    (CRITTERS, "body"): 0.55,
    (CRITTERS, "palette"): 0.75,
    (CRITTERS, "pattern"): 0.55,
    (CRITTERS, "eyes"): 0.55,
    (CRITTERS, "marks"): 0.35,
    (CRITTERS, "hat"): 0.6,
    (CRITTERS, "ride"): 0.6,
    (CRITTERS, "mouth"): 0.5,
    (CRITTERS, "pose"): 0.55,
    (str(SMALL), "palette"): 0.3,
}
"""How far above the floor a model's share of fills that show what they should has to stay: what each has learned."""


def megabytes(folder: str | Path) -> float:
    return sum(path.stat().st_size for path in Path(folder).rglob("*.safetensors")) / 1e6


def test_the_weights_are_small_enough_to_ship() -> None:
    assert 5 < megabytes(packaged(CRITTERS)) <= 16
    assert megabytes(SMALL) < 2
    assert megabytes(packaged("critters-probes")) < 3


def test_the_model_in_the_box_is_loaded_by_its_name() -> None:
    pipeline = DreamInpainterPipeline.from_pretrained("critters")
    assert pipeline.unet.dtype == pipeline.text_encoder.dtype == torch.float32
    assert pipeline.adapter.config.image_size == [128, 128]
    assert pipeline.vae.encode(torch.zeros(1, 3, 128, 128)).latents.shape[2:] == (32, 32)


def test_the_first_thing_that_a_process_does_may_be_to_load_it() -> None:
    """diffusers takes classes from imported modules alone, and here nothing else has imported any."""
    program = "from dreaminpainter import DreamInpainterPipeline as P; print(P.from_pretrained('critters').vae.dtype)"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.stdout == "torch.float32\n", done.stderr


@pytest.mark.parametrize("name", ["./critters", "runs/critters", "", ".", "..", "__pycache__", "somebody/critters"])
def test_only_the_bare_name_means_the_model_in_the_box(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / CRITTERS).mkdir()
    assert packaged(name) == name
    assert Path(packaged(CRITTERS)).is_absolute()


def test_it_knows_every_word_of_the_captions() -> None:
    tokenizer = DreamInpainterPipeline.from_pretrained("critters").tokenizer
    assert spelled_words(tokenizer, " ".join(sorted(CAPTION_WORDS))) == []
    assert spelled_words(tokenizer, "a zebra waves") == ["zebra"]


def test_its_card_tells_what_the_results_do() -> None:
    card = Path(packaged(CRITTERS), "README.md").read_text(encoding="utf-8")
    results = (ROOT / "benchmarks" / "results" / "critters.md").read_text(encoding="utf-8")
    row = next(line for line in results.splitlines() if line.startswith("| this model |"))
    assert row in card
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert row in readme and "| ceiling" in readme and "| floor" in readme
    for told in re.findall(r"^\| (?:ceiling|this model|cut|floor).*", readme, re.MULTILINE):
        assert told in results
    for told in ("configs/critters.yaml", "steps", "CPU", "identities"):
        assert told in card, told


@cache
def scores(name: str) -> dict[str, Score]:
    """Of a model, of another drawing in its place, and of the truth."""
    judge = AttributeProbes.from_pretrained(packaged("critters-probes"), dtype=torch.float32).eval()
    pipeline = load_pipeline(name)
    pipeline.set_progress_bar_config(disable=True)
    methods = {"model": Model(pipeline), "floor": another_drawing, "ceiling": truth}
    return measure(methods, judge, held_out(pipeline, 64), batch_size=64)[0]


@pytest.mark.xdist_group("fills of the models")
@pytest.mark.parametrize(("name", "attribute"), MARGINS, ids=lambda value: Path(value).name)
def test_what_was_learned_shows_in_fills_of_identities_never_seen(name, attribute) -> None:
    share = {method: float(score.mean((attribute,)).mean()) for method, score in scores(name).items()}
    assert share["model"] > share["floor"] + MARGINS[name, attribute], share
    assert share["ceiling"] >= share["model"], share


@pytest.mark.xdist_group("fills of the models")
@pytest.mark.parametrize("name", [CRITTERS, str(SMALL)], ids=["critters", "small"])
def test_the_hole_alone_is_changed(name) -> None:
    assert scores(name)["model"].background == 0
