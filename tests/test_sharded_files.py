"""Folders of divided checkpoints, made of a weight or two."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from divided import rename_parts, write_folder

from dreaminpainter.callbacks.checkpoint_files import is_whole, newest_whole
from dreaminpainter.checkpoints import read_checkpoint, state_of
from dreaminpainter.commands.continuing import last_checkpoint
from dreaminpainter.errors import InputError
from dreaminpainter.sharded_files import read_folder

CHECKPOINT = {"model": {}, "loops": {}, "state_dict": {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(CHECKPOINT, tmp_path / "last.ckpt")


def test_what_was_written_is_read(folder: Path) -> None:
    torch.testing.assert_close(read_folder(folder), CHECKPOINT, rtol=0, atol=0)
    assert read_folder(folder, weights=False) == {"model": {}, "loops": {}}


@pytest.mark.parametrize("name", ["{secret}", "../secret", "..\\secret"])
def test_a_part_outside_of_the_folder_is_not_read(name: str, folder: Path) -> None:
    (part,) = folder.glob("*.distcp")
    secret = part.rename(folder.parent / "secret")
    rename_parts(folder, name.format(secret=secret))
    with pytest.raises(InputError, match=r"last\.ckpt names the part .*, which lies outside"):
        read_folder(folder)


def without_a_part(folder: Path) -> None:
    (folder / "__0_0.distcp").unlink()


def with_half_a_part(folder: Path) -> None:
    part = folder / "__0_0.distcp"
    os.truncate(part, part.stat().st_size // 2)


def without_the_rest(folder: Path) -> None:
    (folder / "meta.pt").unlink()


def without_a_description(folder: Path) -> None:
    (folder / ".metadata").unlink()


def with_half_a_description(folder: Path) -> None:
    os.truncate(folder / ".metadata", 40)


class Code:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def with_code(folder: Path) -> None:
    (folder / ".metadata").write_bytes(pickle.dumps(Code(folder.parent / "ran")))


@pytest.mark.parametrize(
    "damage",
    [
        without_a_part,
        with_half_a_part,
        without_the_rest,
        without_a_description,
        with_half_a_description,
        with_code,
    ],
)
def test_a_damaged_one_is_refused_and_the_one_before_is_taken(damage: Callable[[Path], None], folder: Path) -> None:
    before = write_folder(CHECKPOINT, folder.parent / "epoch=0.ckpt")
    os.utime(before, (0, 0))
    assert is_whole(folder) and newest_whole(folder.parent) == folder
    damage(folder)
    assert not is_whole(folder)
    with pytest.warns(UserWarning, match=r"last\.ckpt is damaged, so this run goes on from"):
        assert newest_whole(folder.parent) == before
    with pytest.raises(InputError, match=r"a part is missing or damaged, .* or it holds more"):
        read_checkpoint(str(folder))
    assert not (folder.parent / "ran").exists()


def test_a_run_goes_on_from_one_that_was_being_replaced_when_it_was_killed(folder: Path) -> None:
    folder.rename(folder.with_name("last.ckpt.elsewhere.7.old.tmp"))
    assert last_checkpoint(folder.parent) == folder


def test_other_weights_in_its_place_are_told_from_those_before(folder: Path) -> None:
    before = state_of(str(folder))
    assert before and state_of(str(folder)) == before
    part = folder / "__0_0.distcp"
    os.utime(part, ns=(0, part.stat().st_mtime_ns + 1_000_000))
    assert state_of(str(folder)) != before
