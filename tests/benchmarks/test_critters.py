"""The table of the critters: what fills, what is counted, and with what interval."""

import re

import pytest
import torch
from tiny import tiny_model

from benchmarks.critters import Score, cases, measure, report, together
from benchmarks.methods import Coded, Model, another_drawing, collage, truth
from dreaminpainter.data.critters import IDENTITY, TEXT, VALUES
from dreaminpainter.data.sources.critters import CrittersSource
from dreaminpainter.evaluation import AttributeProbes
from dreaminpainter.evaluation.methods.ours import without_reference
from dreaminpainter.evaluation.statistics import bootstrap
from dreaminpainter.filling import fill_batch
from dreaminpainter.patch_autoencoder import PatchAutoencoder
from dreaminpainter.types import Batch, Reference

SOURCE = CrittersSource(128, 64, 6, "test", "cross", supersample=1, reference_supersample=1)


@pytest.fixture(scope="module")
def case():
    return cases(SOURCE, torch.arange(6))


def test_holes_are_loose_boxes_around_critter_hat_and_ride(case) -> None:
    batch, _, _ = case
    drawing = SOURCE.draw(torch.arange(6))
    for hole, (left, top, right, bottom) in zip(batch.mask, drawing.subject_box.long().tolist(), strict=True):
        assert hole[0, top:bottom, left:right].all()
        assert hole.sum() > (right - left) * (bottom - top)
        rows, columns = hole[0].any(1), hole[0].any(0)
        assert int(hole.sum()) == int(rows.sum()) * int(columns.sum()), "a box"


def test_a_reference_contradicts_where_hat_mouth_and_pose_all_differ(case) -> None:
    drawing = SOURCE.draw(torch.arange(6))
    _, codes, differs = case
    for row in range(6):
        pairs = [(codes[name][row], drawing.reference_codes[name][row]) for name in ("hat", "mouth", "pose")]
        assert bool(differs[row]) == all(asked != shown for asked, shown in pairs)
        assert all(codes[name][row] == drawing.reference_codes[name][row] for name in IDENTITY)


@pytest.mark.parametrize("method", [truth, another_drawing, collage])
def test_a_method_changes_the_hole_alone(case, method) -> None:
    batch, _, _ = case
    images, scenes = method(batch), batch.image / 2 + 0.5
    outside = (1 - batch.mask).expand_as(scenes) > 0
    assert torch.equal(images[outside], scenes[outside])
    inside = difference(images, batch)
    assert (inside == 0).all() if method is truth else (inside > 0.01).all()
    assert images.min() >= 0 and images.max() <= 1


def difference(images: torch.Tensor, batch: Batch) -> torch.Tensor:
    """(B,) the mean difference to what was drawn in the hole."""
    return ((images - (batch.image / 2 + 0.5)).abs() * batch.mask).flatten(1).mean(1)


def test_what_an_autoencoder_loses_is_less_the_more_it_keeps(case) -> None:
    batch, _, _ = case
    few, many = (Coded(PatchAutoencoder.fitted(batch.image, 4, count))(batch) for count in (2, 12))
    outside = (1 - batch.mask).expand_as(few) > 0
    assert torch.equal(few[outside], (batch.image / 2 + 0.5)[outside])
    assert (difference(many, batch) > 0).all() and (difference(many, batch) < difference(few, batch)).all()


def test_without_its_reference_a_model_knows_nothing_of_it() -> None:
    source = CrittersSource(32, 64, 2, "test", supersample=1, reference_supersample=1)
    model = tiny_model().eval()
    batch = cases_of(source)
    swapped = cases_of(source)
    swapped.reference.pixels = swapped.reference.pixels.flip(0, 3)
    pipeline = model.pipeline()
    settings = {"num_inference_steps": 2, "guidance_scale": 1.0}
    alone = without_reference(pipeline)
    assert torch.equal(Model(alone, **settings)(batch), Model(alone, **settings)(swapped))
    asked = fill_batch(pipeline, batch, **settings).images
    assert not torch.equal(asked, fill_batch(pipeline, swapped, **settings).images)
    assert not torch.equal(asked, Model(alone, **settings)(batch))


def cases_of(source: CrittersSource):
    drawing = source.draw(torch.arange(len(source)))
    return Batch(
        image=drawing.image,
        mask=torch.nn.functional.max_pool2d(drawing.mask, 5, 1, 2),
        reference=Reference(drawing.reference_image, drawing.reference_mask),
        class_name=["critter"] * len(source),
        caption=["a critter"] * len(source),
        source=["critters"] * len(source),
        id=["0", "1"],
        key=torch.tensor([5, 6]),
    )


def test_the_table_says_what_was_counted() -> None:
    torch.manual_seed(0)
    judge = AttributeProbes({name: list(VALUES[name]) for name in (*IDENTITY, *TEXT)}, size=32, channels=(8, 8)).eval()
    scores, contradicting = measure({"ceiling": truth, "collage": collage}, judge, SOURCE, batch_size=4)
    assert all(value.shape == (6,) for score in scores.values() for value in score.right.values())
    assert scores["ceiling"].background == scores["collage"].background == 0
    page = report(scores, contradicting, dict.fromkeys((*IDENTITY, *TEXT), 0.99), "nothing")
    row = next(line for line in page.splitlines() if line.startswith("| ceiling"))
    shown = float(re.findall(r"[\d.]+", row)[0])
    expected = torch.stack([scores["ceiling"].right[name].float() for name in IDENTITY]).mean()
    assert shown == pytest.approx(100 * float(expected), abs=0.06)
    assert all(f"| {name} | 99.0 |" in page for name in IDENTITY)


def test_pairs_are_right_where_both_of_them_are() -> None:
    right = {name: torch.tensor([name != "marks", False]) for name in (*IDENTITY, *TEXT)}
    right |= {"hat": torch.tensor([False, True])}
    pairs = [[right[a][row] and right[b][row] for a in IDENTITY for b in ("hat", "mouth", "pose")] for row in (0, 1)]
    assert together(Score(right, 0.0)).tolist() == pytest.approx([sum(map(bool, row)) / 15 for row in pairs])


def test_the_interval_of_a_share_is_that_of_its_standard_error() -> None:
    values = (torch.arange(400) % 5 == 0).float()
    found = bootstrap(values)
    mean, low, high = found.mean, found.low, found.high
    assert mean == pytest.approx(0.2)
    half = 1.96 * (0.2 * 0.8 / 400) ** 0.5
    assert (mean - low, high - mean) == pytest.approx((half, half), abs=0.005)
