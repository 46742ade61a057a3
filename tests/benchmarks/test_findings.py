"""Verdicts follow from the stored fills, and the page says what they are."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.findings.again import run_again
from benchmarks.findings.claims import Claim, claims, decided, judge
from benchmarks.findings.making import CONFIGS, STORED, findings, plan_of
from benchmarks.findings.places import KINDS, PLACES, kinds_of, measure_places
from benchmarks.findings.starting import ENCODER, FRESH, starting_points
from benchmarks.findings.stored import load, store, told_of
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.cli import main
from dreaminpainter.configuration import config_folder
from dreaminpainter.evaluation.ablation.results import Results
from dreaminpainter.evaluation.statistics import Interval
from dreaminpainter.features import CLIPFeatures
from dreaminpainter.types import Reference

ROOT = Path(__file__).parents[2]
FILES = {path.stem: path for path in sorted((ROOT / STORED).glob("*.parquet")) if path.name != PLACES}
PAGE = ROOT / "benchmarks" / "results" / "findings.md"
SMALL = ROOT / "tests" / "models" / "critters_small"
TOLD = [claim for claim in claims() if claim.study in FILES]


@pytest.fixture(scope="module")
def studies() -> dict[str, Results]:
    return {name: load(path) for name, path in FILES.items()}


@pytest.mark.parametrize("claim", TOLD, ids=lambda claim: f"{claim.finding} {claim.says}")
def test_each_verdict_of_the_page_follows_from_the_stored_fills(claim: Claim, studies: dict[str, Results]) -> None:
    """The means by hand from the file; the word from an interval that is drawn anew."""
    fills = pq.read_table(FILES[claim.study]).to_pandas()
    mean = {}
    for arm in (claim.higher, claim.lower):
        own = fills[[arm in json.loads(labels).values() for labels in fills["combination"]]]
        mean[arm] = own.groupby(["training seed", "case"])[claim.figure].mean()
    paired = (mean[claim.higher] - mean[claim.lower]).dropna()
    verdict = judge(claim, studies[claim.study])
    assert verdict.difference.mean == pytest.approx(paired.mean(), abs=1e-5)
    assert verdict.difference.low <= paired.groupby("training seed").mean().mean() <= verdict.difference.high
    (line,) = [line for line in PAGE.read_text().splitlines() if f" {claim.says} | {claim.figure} |" in line]
    assert line.endswith(f"| **{verdict.word}** |")


def test_the_page_is_what_its_fills_make_it(tmp_path) -> None:
    findings(str(ROOT / STORED), str(tmp_path / "findings.md"), str(tmp_path))
    assert (tmp_path / "findings.md").read_text() == PAGE.read_text()


def test_a_selection_that_is_broken_on_purpose_is_told_apart(studies: dict[str, Results]) -> None:
    """Sums of rows rank nothing; by the procedure of all verdicts that shows in what is kept of the subject."""
    claim = Claim("", "", "filling", "reference", "cosine, K 6", "rows summed, K 6", least=0.02)
    assert judge(claim, studies["filling"]).word == "holds"


def test_a_regularizer_that_never_fires_is_told_apart(studies: dict[str, Results]) -> None:
    """By the same procedure: with half of the samples decoupled, the network leans on the text more than with none."""
    claim = Claim("", "", "f3_reliance", "text swapped", "constant 0.5", "none", least=0.01)
    assert judge(claim, studies["f3_reliance"]).word == "holds"


def test_an_arm_that_was_run_again_lands_inside_its_own_interval(studies: dict[str, Results]) -> None:
    found = run_again(studies)
    assert {"reference", "text", "both"} <= set(found)
    for figure, (_, again, interval) in found.items():
        assert interval.low <= again <= interval.high, figure


def test_the_claims_name_studies_that_there_are_and_arms_of_theirs() -> None:
    for claim in claims():
        plan = plan_of(config_folder() / "ablations" / "paper" / f"{claim.study}.yaml")
        labels = {label for axis in plan.axes.values() for label in axis.labelled()}
        assert {claim.higher, claim.lower} <= labels, claim.says
        assert claim.least > 0


@given(st.floats(-1, 1), st.floats(0.001, 1), st.floats(0.001, 0.1))
def test_a_verdict_is_one_of_four_and_never_against_its_interval(mean, half, least) -> None:
    word = decided(Interval(mean, mean - half, mean + half), least)
    assert word.startswith("holds") == (mean - half > 0)
    assert (word == "holds, by less than matters") == (mean - half > 0 and mean + half < least)
    assert (word == "does not hold") == (mean - half <= 0 and mean + half < least)


def test_stored_fills_give_the_figures_of_the_run(tmp_path, monkeypatch) -> None:
    config = tmp_path / "tokens.yaml"
    model = {"class_path": "Ours", "init_args": {"model": str(SMALL), "num_inference_steps": 1}}
    cases = {"class_path": "CrittersCases", "init_args": {"count": 3}}
    study = {
        "question": "How many?",
        "axes": {"k": {"setting": "evaluation.methods.ours.init_args.k", "values": [1, 4]}},
        "figures": ["reference", "text"],
        "evaluation": {"methods": {"ours": model}, "cases": cases, "quality": [], "seeds": 2},
    }
    config.write_text(yaml.safe_dump(study))
    assert main(["ablate", "--config", str(config), "--output", str(tmp_path / "run")]) == 0
    plan = plan_of(config)
    store(plan, tmp_path / "run", tmp_path / "stored.parquet")
    there, here = Results.read(plan, tmp_path / "run"), load(tmp_path / "stored.parquet")
    assert [one.labels for one in here.combinations] == [one.labels for one in there.combinations]
    for ours, theirs in zip(here.combinations, there.combinations, strict=True):
        for figure in ("reference", "text", "both"):
            first, second = (one.values(figure, there.cases) for one in (ours, theirs))
            assert torch.allclose(first, second, atol=1e-6, equal_nan=True)
    assert told_of(tmp_path / "stored.parquet")["study"]["question"] == "How many?"


def test_where_tokens_lie_is_counted_over_the_whole_reference(tmp_path) -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :3, :4] = 1
    within, outline, white = kinds_of(mask, (4, 4))[0].sum(0).tolist()
    assert (within, outline, white) == (2, 2, 12)
    measure_places("critters", tmp_path / "places.parquet", samples=4)
    found = pq.read_table(tmp_path / "places.parquet").to_pandas()
    assert found[list(KINDS)].sum(axis=1).tolist() == pytest.approx([1.0] * len(found))
    by_name = found.groupby("selector")["white"].mean()
    assert by_name["cosine, K 6"] < by_name["random, K 24"]


def test_the_study_of_features_starts_from_an_unread_model_and_an_encoder(tmp_path) -> None:
    starting_points(str(tmp_path), steps=2, batch_size=4)
    fresh, known = load_pipeline(str(tmp_path / FRESH)), load_pipeline("critters")
    own, before = fresh.network.state_dict(), known.network.state_dict()
    changed = {name for name in own if not torch.equal(own[name], before[name])}
    assert changed == {name for name in own if name.startswith("adapter.projector.")}
    features = CLIPFeatures(str(tmp_path / ENCODER))
    read = features(Reference(torch.zeros(1, 3, 128, 128), torch.ones(1, 1, 128, 128), [""]), fresh.unet)
    assert read.grid == (16, 16) and read.tokens.shape[2] == fresh.adapter.config.token_width


def test_every_config_says_how_it_is_run() -> None:
    for path in sorted((ROOT / CONFIGS).glob("*.yaml")):
        told = re.findall(r"ablate --config (\S+) --output (\S+)", path.read_text())
        assert told == [(f"configs/ablations/paper/{path.name}", f"runs/paper/{path.stem}")]
