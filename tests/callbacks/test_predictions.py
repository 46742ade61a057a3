import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import LightningModule
from PIL import Image

from dreaminpainter.callbacks import FillWriter
from dreaminpainter.callbacks.predictions import file_name
from dreaminpainter.types import Batch

awkward = st.text(st.sampled_from("aA1-_./\\ :é%"), max_size=6) | st.text(max_size=200)


class Copies(LightningModule):
    """Fills every hole with the truth."""

    def predict_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        return batch.image / 2 + 0.5


def test_every_fill_is_a_png_with_a_line_about_its_prompt(
    trainer: Any, loader: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = loader(2)
    data.dataset[1].id[1] = "cats/Tom"
    folder = tmp_path / "a" / "fills"
    for _ in range(2):  # the second run writes the same files anew
        trainer(FillWriter(str(folder))).predict(Copies(), data, return_predictions=False)

    lines = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["0", "1", "2", "cats/Tom"]
    assert lines[0] == {
        "file": "drawn-0.png",
        "source": "drawn",
        "id": "0",
        "class_name": "critter",
        "prompt": "a critter with a hat, number 0",
    }
    assert {path.name for path in folder.iterdir()} == {line["file"] for line in lines} | {"prompts.jsonl"}
    for batch in data:
        for image, id in zip(batch.image, batch.id, strict=True):
            with Image.open(folder / file_name("drawn", id)) as picture:
                expected = ((image / 2 + 0.5) * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)
                assert np.array_equal(np.array(picture), expected)
    assert f"4 fills and their prompts.jsonl are in {folder}" in caplog.text


def test_plain_names_stay_as_they_are() -> None:
    assert file_name("voc", "2007_000032") == "voc-2007_000032.png"


@given(st.lists(st.tuples(awkward, awkward), min_size=2, max_size=20, unique=True))
def test_no_two_samples_share_a_file_and_every_name_is_legal(samples: list[tuple[str, str]]) -> None:
    names = [file_name(*sample) for sample in samples]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") and len(name) < 200


@pytest.mark.parametrize(("one", "other"), [(("a-b", "c"), ("a", "b-c")), (("x", "A"), ("x", "a"))])
def test_names_that_could_be_confused_are_told_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert file_name(*one).lower() != file_name(*other).lower()
