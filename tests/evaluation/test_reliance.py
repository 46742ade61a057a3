"""How much a model leans on text and reference: right where the answer is known."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

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
    cases = CrittersCases(count=3, size=64).build(tmp_path_factory.mktemp("cases"))
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


def test_another_case_of_the_same_subject_changes_nothing(pipeline, problems) -> None:
    twins = [replace(one, case=replace(one.case, id=f"twin of {one.case.id}", prompt="")) for one in problems]
    found = measured(pipeline, problems, *twins)
    assert found["reference swapped"] == pytest.approx(0, abs=1e-6)
    assert found["text swapped"] == pytest.approx(found["text dropped"], abs=1e-6)
    assert found["text dropped"] > 0


def test_what_is_swapped_for_itself_has_no_figure(pipeline, problems) -> None:
    """It would be 0 of a model that heeds all, and be read as one that heeds nothing."""
    found = measured(pipeline, problems, *problems)
    assert not [name for name in found if "swapped" in name]
    mute = [replace(one, case=replace(one.case, prompt="")) for one in problems]
    assert not [name for name in measured(pipeline, mute) if name.startswith("text")]


def test_noise_is_added_to_the_true_picture_whatever_the_scene_shows_in_the_hole(pipeline, problems) -> None:
    """Two blanked scenes of the same truth are the same to a network that never sees the hole."""
    pipeline.network.input_form.blank_hole = True
    other = [
        replace(one, scene=Image.composite(Image.new("RGB", one.scene.size), one.scene, one.mask)) for one in problems
    ]
    expected, found = measured(pipeline, problems), measured(pipeline, other, *(problems[1:] + problems[:1]))
    assert found["text dropped"] == pytest.approx(expected["text dropped"], rel=1e-5)
    without = [replace(one, truth=None) for one in other]
    assert measured(pipeline, without, *(problems[1:] + problems[:1]))["text dropped"] != pytest.approx(
        expected["text dropped"], rel=1e-3
    )


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
