"""How much a model leans on text and reference: right where the answer is known."""

from pathlib import Path

import pytest
import torch

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.cases import CrittersCases, Problem, open_problem
from dreaminpainter.evaluation.methods.ours import without_reference
from dreaminpainter.evaluation.reliance import Reliance
from dreaminpainter.pipeline import DreamInpainterPipeline

MODEL = str(Path(__file__).parents[1] / "models" / "critters_small")


@pytest.fixture
def pipeline() -> DreamInpainterPipeline:
    pipeline = load_pipeline(MODEL)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    cases = CrittersCases(count=3).build(tmp_path_factory.mktemp("cases"))
    return [open_problem(cases, case) for case in cases.cases]


def measured(pipeline: DreamInpainterPipeline, problems: list[Problem], *others: Problem) -> dict[str, float]:
    found = Reliance([500]).figures(pipeline, problems, list(others) or problems[1:] + problems[:1])
    return {name: sum(one[name] for one in found) / len(found) for name in found[0]}


def test_a_trained_model_leans_on_both(pipeline, problems) -> None:
    found = measured(pipeline, problems)
    for name in ("text dropped", "text swapped", "reference dropped", "reference swapped"):
        assert found[name] > 0.01, name
        assert found[name] == pytest.approx(found[f"{name} t=500"])
    assert 0 < found["attention to reference"] < 1


def test_what_is_swapped_for_itself_changes_nothing(pipeline, problems) -> None:
    found = measured(pipeline, problems, *problems)
    assert found["text swapped"] == pytest.approx(0, abs=1e-6)
    assert found["reference swapped"] == pytest.approx(0, abs=1e-6)
    assert found["text dropped"] > 0


def test_a_model_that_forgets_its_reference_does_not_lean_on_it(pipeline, problems) -> None:
    found = measured(without_reference(pipeline), problems)
    assert found["reference dropped"] == found["reference swapped"] == 0
    assert found["text swapped"] > 0


def test_a_model_whose_text_encoder_is_deaf_does_not_lean_on_the_text(pipeline, problems) -> None:
    with torch.no_grad():
        for weight in pipeline.text_encoder.parameters():
            weight.zero_()
    found = measured(pipeline, problems)
    assert found["text dropped"] == found["text swapped"] == 0
    assert found["reference swapped"] > 0


def test_shares_are_told_by_block_and_timestep(pipeline, problems) -> None:
    found = Reliance([100, 900]).figures(pipeline, problems[:1], problems[1:2])[0]
    parts = {name for name in found if name.startswith("attention to reference up_blocks")}
    blocks = len(pipeline.unet.up_blocks)
    assert parts == {f"attention to reference up_blocks.{b} t={t}" for b in range(blocks) for t in (100, 900)}
    assert found["attention to reference"] == pytest.approx(sum(found[name] for name in parts) / len(parts), abs=1e-5)


@pytest.mark.parametrize("timesteps", [[], [-1], [1000]])
def test_timesteps_out_of_range_are_refused(timesteps) -> None:
    with pytest.raises(SettingError, match="give one or more, each 0 to 999"):
        Reliance(timesteps)
