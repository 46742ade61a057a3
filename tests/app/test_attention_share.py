from dataclasses import replace

import pytest
import torch
from torchvision.transforms.functional import to_tensor

from dreaminpainter.app.attention_share import Prediction, attention_share, remembered_prediction
from dreaminpainter.attention import AttentionRecord


@pytest.fixture
def middle(pipeline, job) -> Prediction:
    """The third prediction of a fill of four steps."""
    with remembered_prediction(pipeline.network, 2) as found:
        fill(pipeline, job)
    (prediction,) = found
    return prediction


def fill(pipeline, job):
    generator = torch.Generator().manual_seed(0)
    pipeline(
        "a critter", job.scene, job.hole, job.subject, job.subject_mask, num_inference_steps=4, generator=generator
    )


def test_the_prediction_that_is_asked_for_is_remembered(pipeline, job, middle) -> None:
    assert int(middle.timestep) == int(pipeline.scheduler.timesteps[2])
    assert len(middle.model_input) == len(middle.text_states) == 2, "with the prompt and without"


def test_nothing_is_remembered_afterwards(pipeline, job) -> None:
    with remembered_prediction(pipeline.network, 0) as found:
        pass
    fill(pipeline, job)
    assert found == []
    assert not pipeline.network._forward_pre_hooks


@torch.no_grad()
def test_the_share_is_the_mean_over_cells_of_the_hole_and_layers(pipeline, job, middle) -> None:
    hole = to_tensor(job.hole)[None]
    record = AttentionRecord()
    pipeline.network(middle.model_input, middle.timestep, middle.text_states, middle.subject, record=record)
    rows, columns = middle.model_input.shape[-2:]
    means = []
    for share in record.subject_share.values():
        (shrink,) = [by for by in (1, 2, 4, 8) if rows * columns == share.shape[1] * by**2]
        height, width = rows // shrink, columns // shrink
        inside = []
        for cell, value in enumerate(share[0].tolist()):
            row, column = divmod(cell, width)
            top, bottom = row * 64 // height, -(-(row + 1) * 64 // height)
            left, right = column * 96 // width, -(-(column + 1) * 96 // width)
            if hole[0, 0, top:bottom, left:right].any():
                inside.append(value)
        means.append(sum(inside) / len(inside))
    assert attention_share(pipeline.network, middle, hole) == pytest.approx(sum(means) / len(means), rel=1e-4)


def test_only_the_row_with_the_prompt_counts(pipeline, job, middle) -> None:
    hole = to_tensor(job.hole)[None]
    changed = replace(middle, text_states=torch.cat([middle.text_states[:1], torch.ones_like(middle.text_states[1:])]))
    assert attention_share(pipeline.network, changed, hole) == attention_share(pipeline.network, middle, hole)
