import numpy as np
import pytest

from benchmarks import inference_calls, inference_steps
from benchmarks.contestants import Scale, contestants
from benchmarks.inference import TITLES, inference

SMALL = Scale(size=128, channels=(32, 32, 32, 32))


@pytest.mark.parametrize("name", contestants(SMALL, 1))
def test_each_contestant_fills_a_picture_of_the_size_that_is_measured(name: str) -> None:
    images = contestants(SMALL, 1)[name]()().images
    assert np.asarray(images).shape == (1, 128, 128, 3) and np.isfinite(images).all()


def test_the_table_has_a_row_and_a_ratio_for_each(monkeypatch) -> None:
    monkeypatch.setattr(inference_calls, "in_fresh_process", lambda work, name, *rest: len(name))
    lines = inference_calls.calls(SMALL, steps=1, repeats=1)
    rows = [line.split(" | ") for line in lines if line.startswith("| ")]
    assert [row[0].strip("| ") for row in rows[2:]] == list(contestants(SMALL, 1))
    assert rows[3][2] == "1 [1, 1]"


def test_the_page_tells_seconds_and_quality_of_few_steps_and_what_was_not_measured(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(inference_steps, "WAYS", (("DDIMScheduler", (2,)), ("UniPCMultistepScheduler", (1,))))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    inference(samples=2, repeats=1, only=["gpu", "steps"], output=str(tmp_path / "page.md"))
    page = (tmp_path / "page.md").read_text()
    assert page.index(TITLES["gpu"]) < page.index("Not measured") < page.index(TITLES["steps"])
    assert "| DDIMScheduler, 2 steps | " in page and "| UniPCMultistepScheduler, 1 steps | " in page
