"""The page of sizes that were not run: what stands in it is what the arithmetic and the counts come to."""

from pathlib import Path

import pytest

from benchmarks.scaling import (
    ENCODING,
    LOADED,
    READING,
    RESULT,
    TEXT,
    UNET,
    Machines,
    Training,
    epoch_hours,
    page,
    step_seconds,
)
from benchmarks.scaling_flops import counted


def test_the_page_is_that_of_the_arithmetic() -> None:
    assert Path(RESULT).read_text(encoding="utf-8") == page(Machines())


def test_an_epoch_is_its_flops_over_those_of_all_gpus() -> None:
    machines, training = Machines(gpus=4, peak=1e12, utilization=0.5), Training(pictures=1000, batch_size=5)
    assert epoch_hours(machines, training) == pytest.approx(1000 * training.flops / (4 * 0.5e12) / 3600)
    assert step_seconds(machines, training) == pytest.approx(5 * training.flops / 0.5e12)


def test_what_was_measured_is_what_its_page_says() -> None:
    data = Path("benchmarks/results/data.md").read_text(encoding="utf-8")
    assert f"| ours | {2 * LOADED:.1f} [" in data
    assert "| prepared | 0.611 [0.577, 0.669] | 159 [" in data and "| 684 [" in data


@pytest.mark.slow
def test_flops_are_those_that_torch_counts() -> None:
    found = counted()
    assert found == pytest.approx({"unet": UNET, "reading": READING, "encoding": ENCODING, "text": TEXT}, rel=0.03)
