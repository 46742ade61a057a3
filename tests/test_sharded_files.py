"""Folders of divided checkpoints, made of a weight or two."""

from pathlib import Path

import pytest
import torch
from divided import rename_parts, write_folder

from dreaminpainter.errors import InputError
from dreaminpainter.sharded_files import read_folder

CHECKPOINT = {"model": {}, "state_dict": {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(CHECKPOINT, tmp_path / "last.ckpt")


def test_what_was_written_is_read(folder: Path) -> None:
    torch.testing.assert_close(read_folder(folder), CHECKPOINT, rtol=0, atol=0)
    assert read_folder(folder, weights=False) == {"model": {}}


@pytest.mark.parametrize("name", ["{secret}", "../secret", "..\\secret"])
def test_a_part_outside_of_the_folder_is_not_read(name: str, folder: Path) -> None:
    (part,) = folder.glob("*.distcp")
    secret = part.rename(folder.parent / "secret")
    rename_parts(folder, name.format(secret=secret))
    with pytest.raises(InputError, match=r"last\.ckpt names the part .*, which lies outside"):
        read_folder(folder)
