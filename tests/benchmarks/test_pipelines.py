import numpy as np
import pytest

from benchmarks import pipeline as benchmark
from benchmarks.contestants import contestants

SMALL = (32, 32, 32, 32)


@pytest.mark.parametrize("name", contestants(128, SMALL, 1))
def test_each_contestant_fills_a_picture_of_the_size_that_is_measured(name: str) -> None:
    images = contestants(128, SMALL, 1)[name]()().images
    assert np.asarray(images).shape == (1, 128, 128, 3) and np.isfinite(images).all()


def test_the_table_has_a_row_and_a_ratio_for_each(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "in_fresh_process", lambda work, name, *rest: len(name))
    benchmark.pipeline(size=128, channels=SMALL, steps=1, repeats=1, output=str(tmp_path / "page.md"))
    rows = [line.split(" | ") for line in (tmp_path / "page.md").read_text().splitlines() if line.startswith("| ")]
    assert [row[0].strip("| ") for row in rows[2:]] == list(contestants(128, SMALL, 1))
    assert rows[3][2] == "1 [1, 1]"
