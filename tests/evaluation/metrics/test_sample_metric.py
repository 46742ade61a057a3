"""Metrics as torchmetrics: states add up, over updates and over processes; what has no figure is no part of a mean."""

from pathlib import Path

import pytest
import torch
from fills import noisy_samples
from gloo import on_two
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.encoders import ProbeEncoder
from dreaminpainter.evaluation.metrics import (
    Attributes,
    Background,
    Column,
    Crop,
    Diversity,
    Identity,
    OutlineCopy,
    SampleMetric,
    Seam,
)
from dreaminpainter.evaluation.samples import Sample, resized, square_around


class Known(SampleMetric):
    """Figures that are known: the case's number, and the same where it is even."""

    @property
    def columns(self) -> list[Column]:
        return [Column("all"), Column("even")]

    def score(self, samples: list[Sample]) -> Tensor:
        numbers = [float(one.case.id[1:]) for one in samples]
        return torch.tensor([[one, one if one % 2 == 0 else torch.nan] for one in numbers])


def test_figures_that_fills_do_not_have_are_no_part_of_the_mean() -> None:
    metric = Known()
    metric.update(noisy_samples(4))
    assert {name: float(value) for name, value in metric.compute().items()} == {"all": 1.5, "even": 1.0}


@pytest.mark.parametrize("metric", [Background(), Seam(), Diversity(), OutlineCopy(resolution=24), Known()])
def test_two_updates_are_one_and_a_reset_forgets(metric: SampleMetric) -> None:
    samples = noisy_samples(3, seeds=2)
    metric.update(samples)
    at_once = metric.compute()
    metric.reset()
    metric.update(samples[:2])
    metric.update(samples[2:])
    assert list(at_once) == [column.name for column in metric.columns]
    torch.testing.assert_close(metric.compute(), at_once)


def test_processes_with_unequal_shares_have_the_mean_of_all(tmp_path: Path) -> None:
    samples = noisy_samples(5)
    shares = (samples[:4], samples[4:])

    def work(rank: int) -> dict[str, float]:
        metric = Known()
        metric.update(shares[rank][:1])
        if shares[rank][1:]:
            metric.update(shares[rank][1:])
        return {name: float(value) for name, value in metric.compute().items()}

    assert on_two(work, tmp_path / "meeting") == [{"all": 2.0, "even": 2.0}] * 2


def test_a_metric_is_written_down_and_made_again() -> None:
    for metric in (Known(), Attributes(), Identity(ProbeEncoder(), Crop(0.1, 64)), OutlineCopy(32, 0.5), Background()):
        assert describe(make(describe(metric), SampleMetric)) == describe(metric)


def test_a_metric_of_another_kind_is_refused() -> None:
    with pytest.raises(SettingError, match="SampleMetric"):
        make(describe(ProbeEncoder()), SampleMetric)


def test_the_square_around_a_hole_stays_in_the_picture() -> None:
    mask = torch.zeros(1, 20, 30)
    mask[:, 0:4, 22:30] = 1
    assert square_around(mask) == (22, 0, 30, 8)
    assert square_around(mask, margin=0.25) == (18, 0, 30, 12)
    assert square_around(torch.ones(1, 20, 30)) == (5, 0, 25, 20)


def test_what_is_no_square_is_padded_with_white() -> None:
    wide = torch.zeros(3, 10, 20)
    padded = resized(wide, 20)
    assert (padded[:, 5:15] == 0).all()
    assert (padded[:, :5] == 1).all()
    assert (padded[:, 15:] == 1).all()


def test_a_process_without_any_fill_has_the_mean_of_the_others(tmp_path: Path) -> None:
    def work(rank: int) -> dict[str, float]:
        metric = Known()
        if rank == 0:
            metric.update(noisy_samples(3))
        return {name: float(value) for name, value in metric.compute().items()}

    assert on_two(work, tmp_path / "meeting") == [{"all": 1.0, "even": 1.0}] * 2
