"""What `fit` goes on from, what it says of that, and what it refuses."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from divided import write_folder
from safetensors.torch import load_file
from tiny_run import command, fitted

from dreaminpainter.callbacks.checkpoint_files import WholeFiles, is_whole, newest_whole
from dreaminpainter.checkpoints import read_checkpoint
from dreaminpainter.commands.continuing import Continuation, finish_last, named_checkpoint
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.lora_checkpoints import LoRABeside, beside


@pytest.fixture(scope="module")
def config(checkpoint: str) -> str:
    """The settings of the run of two steps, as YAML."""
    written: str = read_checkpoint(checkpoint)["provenance"]["config"]
    return written


def but(config: str, name: str, value: Any) -> str:
    """The same settings, but for one."""
    settings = yaml.safe_load(config)
    *groups, last = ["fit", *name.split(".")]
    place = settings
    for group in groups:
        place = place[group]
    place[last] = value
    return yaml.safe_dump(settings)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("seed_everything", 3, "seed_everything: 0 -> 3"),
        ("data.height", 64, "data.height: 32 -> 64"),
        ("model.backbone.init_args.channels", [32, 96], "model.backbone.init_args.channels: [32, 64] -> [32, 96]"),
        ("model.selector.init_args.k", 6, "model.selector.init_args.k: 4 -> 6"),
        ("model.selector.class_path", "dreaminpainter.selection.AllTokens", "CosineDistance -> dreaminpainter.sele"),
        ("model.optimizer.class_path", "torch.optim.SGD", "torch.optim.AdamW -> torch.optim.SGD"),
        ("model.optimizer.init_args.lr", 0.5, "model.optimizer.init_args.lr: 0.0001 -> 0.5"),
        ("model.learning_rates.unet", 1.0, "model.learning_rates.unet: 0.0001 -> 1.0"),
    ],
)
def test_what_would_make_another_thing_of_the_checkpoint_is_refused(checkpoint, config, name, value, told) -> None:
    with pytest.raises(SettingError) as error:
        Continuation(Path(checkpoint), but(config, name, value))
    assert told in str(error.value)
    assert f"--model.init_from {checkpoint}" in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("trainer.max_steps", 8, "trainer.max_steps: 2 -> 8"),
        ("trainer.devices", 2, "trainer.devices: 1 -> 2"),
        ("data.batch_size", 4, "data.batch_size: 2 -> 4"),
        ("model.text_dropout", 0.5, "model.text_dropout: 0.1 -> 0.5"),
        ("trainer.log_every_n_steps", 7, "trainer.log_every_n_steps: 5 -> 7"),
    ],
)
def test_other_settings_that_changed_are_named(checkpoint, config, name, value, told) -> None:
    continuation = Continuation(Path(checkpoint), but(but(config, "trainer.max_steps", 8), name, value))
    assert told in [str(change).strip() for change in continuation.changes]
    assert f"going on from step 2 of {checkpoint}" in continuation.told()
    assert told in continuation.told() and "--ckpt_path null" in continuation.told()


def test_paths_and_what_other_versions_do_not_have_are_no_changes_that_matter(checkpoint, config) -> None:
    moved = but(but(config, "trainer.default_root_dir", "elsewhere"), "checkpoint.dirpath", "elsewhere/checkpoints")
    assert Continuation(Path(checkpoint), moved).changes == []
    newer = Continuation(Path(checkpoint), but(config, "model.selector.init_args.brand_new", 3))
    assert [str(change).strip() for change in newer.changes] == ["model.selector.init_args.brand_new: none -> 3"]


@pytest.mark.parametrize(
    ("settings", "finished"),
    [
        ({}, True),
        ({"max_steps": 3}, False),
        ({"max_steps": -1, "max_epochs": 1}, False),  # the epoch has not ended
        ({"max_steps": 1}, True),
    ],
)
def test_a_run_is_finished_where_its_steps_or_epochs_are_done(checkpoint, config, settings, finished) -> None:
    for name, value in settings.items():
        config = but(config, f"trainer.{name}", value)
    assert Continuation(Path(checkpoint), config).is_finished() == finished


def state(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_the_same_command_leaves_a_finished_run_alone(run_folder: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(run_folder, tmp_path / "run")
    before = state(tmp_path / "run")
    assert command("fit", tmp_path / "run") == 0
    assert state(tmp_path / "run") == before
    assert "this run is finished, at step 2" in capsys.readouterr().err


def damage(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    if how == "empty":
        content = bytearray()
    elif how == "torn":
        content = content[:middle]
    elif how == "torn at its end":
        content = content[:-1]
    else:  # as a disk leaves it whose power went
        content[middle : middle + 4096] = bytes(4096)
    file.write_bytes(content)


@pytest.mark.parametrize("how", ["empty", "torn", "torn at its end", "zeroed within"])
def test_of_a_damaged_checkpoint_the_one_before_is_taken(checkpoint, tmp_path, how) -> None:
    last, before, first = (tmp_path / name for name in ("last.ckpt", "epoch=0-step=2.ckpt", "epoch=0-step=1.ckpt"))
    for age, file in enumerate((last, before, first)):
        shutil.copy(checkpoint, file)
        os.utime(file, (1000 - age, 1000 - age))
    assert newest_whole(tmp_path) == last
    damage(last, how)
    os.utime(last, (1000, 1000))
    assert not is_whole(last) and is_whole(before)
    with pytest.warns(UserWarning, match="is damaged") as warnings:
        assert newest_whole(tmp_path) == before
    assert str(last) in str(warnings[0].message) and str(before) in str(warnings[0].message)
    with pytest.raises(InputError, match="damaged"):
        named_checkpoint(last)


def earlier(checkpoint: Path) -> None:
    """Makes it one of a step before."""
    torch.save(torch.load(checkpoint, weights_only=True) | {"global_step": 1, "state_dict": {}}, checkpoint)


@pytest.mark.parametrize("left", [None, earlier, partial(damage, how="torn")], ids=["none", "an earlier one", "half"])
def test_a_run_that_was_killed_before_its_last_checkpoint_was_written_has_it_then(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], left: Callable[[Path], None] | None
) -> None:
    shutil.copytree(run_folder, tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    newest = shutil.copy(last, last.with_name("epoch=0-step=2.ckpt"))
    last.unlink() if left is None else left(last)
    if left is not None:
        os.utime(last, (1000, 1000))
    assert command("fit", tmp_path / "run", "--checkpoint.save_last", "false") == 0
    assert last.exists() == (left is not None), "nobody has asked for it"
    assert command("fit", tmp_path / "run") == 0
    assert f"killed before {last} was written, which is done now" in capsys.readouterr().err
    written, expected = (torch.load(path, weights_only=True) for path in (last, newest))
    assert written["global_step"] == expected["global_step"] == 2
    assert all(torch.equal(value, written["state_dict"][name]) for name, value in expected["state_dict"].items())
    before = state(tmp_path / "run")
    assert command("fit", tmp_path / "run") == 0
    assert state(tmp_path / "run") == before


def test_the_small_file_beside_a_last_checkpoint_is_written_too(tmp_path: Path) -> None:
    fitted(tmp_path, "--model.lora.rank", "2", "--model.learning_rates", "{lora: 1.0e-3}")
    last = tmp_path / "checkpoints" / "last.ckpt"
    small, weights = beside(last), load_file(beside(last))
    assert not finish_last(last, LoRABeside())
    for time in (None, 1000):
        small.unlink() if time is None else os.utime(small, (time, time))
        assert finish_last(last, LoRABeside())
        written = load_file(small)
        assert written.keys() == weights.keys() and all(torch.equal(written[name], weights[name]) for name in weights)
        assert not finish_last(last, LoRABeside())


def test_a_divided_last_checkpoint_is_written_too(checkpoint: str, tmp_path: Path) -> None:
    newest = write_folder(read_checkpoint(checkpoint), tmp_path / "epoch=0-step=2.ckpt")
    assert finish_last(newest, WholeFiles())
    assert is_whole(tmp_path / "last.ckpt") and not finish_last(tmp_path / "last.ckpt", WholeFiles())


def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_anew_by_itself(checkpoint, tmp_path, capsys) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(Path(checkpoint).read_bytes()[:-100])
    assert command("fit", tmp_path) == 2
    assert "Delete what is damaged to begin anew" in capsys.readouterr().err


def test_weights_alone_are_nothing_to_go_on_from(checkpoint, tmp_path) -> None:
    held = read_checkpoint(checkpoint)
    torch.save({"model": held["model"], "state_dict": {}}, tmp_path / "weights.ckpt")
    assert newest_whole(tmp_path) is None


def test_a_divided_checkpoint_without_its_strategy_is_refused_and_can_be_replaced(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = write_folder(read_checkpoint(checkpoint), tmp_path / "checkpoints" / "last.ckpt")
    for arguments in (["fit"], ["validate", "--ckpt_path", "last"], ["test", "--ckpt_path", str(last)]):
        assert command(arguments[0], tmp_path, *arguments[1:], steps=3) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert "Add --trainer.strategy fsdp2" in told and f"dreaminpainter export {last}" in told
    assert command("fit", tmp_path, "--ckpt_path", "null", steps=1) == 0
    told = capsys.readouterr()
    assert f"begins anew, and replaces {last}" in told.err and f"checkpoint: {last}" in told.out
    assert last.is_file() and is_whole(last)
