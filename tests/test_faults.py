"""What a machine can do to a run, each with the end that is promised: an error that names the fix, nothing torn."""

import os
import resource
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from killing import FullDisk, callback, in_fork
from PIL import Image
from tiny_run import TINY, command, flags
from torch import Tensor

from dreaminpainter.callbacks.checkpoint_files import newest_whole
from dreaminpainter.checkpoints import read_checkpoint
from dreaminpainter.cli import main
from dreaminpainter.weighting import LossWeighting

NOBODY = 65534
SAVING = ["--checkpoint.every_n_train_steps", "1", "--trainer.logger", "false", "--pictures.every_n_steps", "99"]


class Greedy(LossWeighting):
    """Wants more memory than there is, from the third step on."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, timesteps: Tensor, scheduler: Any) -> Tensor:
        self.calls += 1
        if self.calls > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has none left.")
        return torch.ones(timesteps.shape)


class Afterwards(pl.Callback):
    """Does harm once, as the second step begins."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == 1:
            self.harm(trainer)

    def harm(self, trainer: Any) -> None:
        raise NotImplementedError


class KilledWorker(Afterwards):
    """Ends a loader's process, as the kernel does for want of memory."""

    def harm(self, trainer: Any) -> None:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)


class LostPictures(Afterwards):
    """Deletes the pictures that are trained on."""

    def harm(self, trainer: Any) -> None:
        for path in Path(trainer.datamodule.train["mine"].root).glob("*.png"):
            path.unlink()


def harmed(folder: Path, kind: type, *more: str, steps: int = 20, **settings: Any) -> tuple[int, str]:
    words = ["--trainer.callbacks", callback(kind, **settings), *SAVING, *more]
    return in_fork(lambda: command("fit", folder, *words, steps=steps))


def kept(folder: Path) -> int:
    """The step of the newest checkpoint, beside which there is nothing half-written."""
    places = folder / "checkpoints"
    assert not list(places.glob("*.tmp"))
    newest = newest_whole(places)
    assert newest is not None
    step: int = read_checkpoint(str(newest))["global_step"]
    return step


def as_nobody(function: Any) -> tuple[int, str]:
    def run() -> int:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        code: int = function()
        return code

    return in_fork(run)


def test_a_disk_that_is_full_as_a_checkpoint_is_written_leaves_the_one_before(tmp_path: Path) -> None:
    code, told = harmed(tmp_path, FullDisk, after=2, kill=False)
    assert code == 2
    assert f"error: The checkpoint {tmp_path / 'checkpoints'}" in told and "File too large" in told
    assert "the same command goes on from the last one" in told and "Traceback" not in told
    assert kept(tmp_path) == 1


def test_a_device_out_of_memory_tells_which_settings_to_change(tmp_path: Path, capsys) -> None:
    more = [*SAVING, "--model.weighting", f"{__name__}.Greedy", "--trainer.accumulate_grad_batches", "2"]
    assert command("fit", tmp_path, *more, steps=4) == 2
    told = capsys.readouterr().err
    assert "out of memory (CUDA out of memory)" in told
    assert "halve data.batch_size, which is 2, and double trainer.accumulate_grad_batches, which is 2" in told
    assert "model.gradient_checkpointing to true" in told
    assert kept(tmp_path) == 1


@pytest.mark.slow
def test_a_loader_that_was_killed_tells_which_settings_to_change(tmp_path: Path) -> None:
    code, told = harmed(tmp_path, KilledWorker, "--data.num_workers", "1", steps=200)
    assert code == 2
    assert "A loader process was killed" in told and "data.num_workers, which is 1" in told
    assert kept(tmp_path) >= 1


def pictures(folder: Path) -> list[str]:
    """Flags that train on six pictures in a folder."""
    folder.mkdir()
    for number in range(6):
        mask = np.zeros((48, 64), np.uint8)
        mask[10:30, 20:50] = 255
        Image.fromarray(np.full((48, 64, 3), 40 * number, np.uint8)).save(folder / f"{number}.png")
        Image.fromarray(mask).save(folder / f"{number}_mask.png")
    source = f"{{mine: {{class_path: FolderSource, init_args: {{root: {folder}, class_name: thing}}}}}}"
    return flags({"data.train": source, "data.captioner": "ClassNameCaptioner"})


@pytest.mark.slow
def test_a_picture_that_disappears_is_named(tmp_path: Path) -> None:
    code, told = harmed(tmp_path / "run", LostPictures, *pictures(tmp_path / "mine"), steps=100)
    assert code == 2
    assert f"error: There is no {tmp_path / 'mine'}" in told and "Traceback" not in told
    assert kept(tmp_path / "run") >= 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become another user")
def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path) -> None:
    for parent in [tmp_path, *tmp_path.parents[:3]]:
        parent.chmod(0o755)
    code, told = as_nobody(lambda: command("fit", tmp_path / "run", *SAVING))
    assert code == 2
    assert str(tmp_path / "run") in told and "Permission denied" in told and "Traceback" not in told


def with_full_disk(size: int, *words: str) -> tuple[int, str]:
    """The exit code and output of a command on whose disk no file is longer than `size` bytes."""

    def run() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return main(list(words))

    return in_fork(run)


@pytest.mark.slow
def test_a_disk_that_is_full_as_a_shard_is_written_leaves_nothing_torn(tmp_path: Path) -> None:
    pictures(tmp_path / "mine")
    words = ["FolderSource", "--source.root", str(tmp_path / "mine"), "--source.class_name", "thing"]
    words = ["prepare", *words, "--output", str(tmp_path / "out"), "--num_workers", "0"]
    code, told = with_full_disk(1000, *words)
    assert code == 2
    assert str(tmp_path / "out") in told and "File too large. Make room" in told and "Traceback" not in told
    assert not [path for path in (tmp_path / "out").rglob("*") if path.suffix in (".tmp", ".arrow")]
    assert main(words) == 0, "the same command goes on where there is room"


@pytest.mark.slow
def test_a_disk_that_is_full_as_a_picture_is_written_leaves_nothing_torn(tmp_path: Path) -> None:
    out = tmp_path / "out"
    where = {"trainer.default_root_dir": tmp_path, "predictions.folder": out}
    large = {"data.height": 128, "data.width": 128}  # more than the config has, which is written before
    code, told = with_full_disk(20_000, "predict", *TINY, *flags(where | large), *SAVING[2:4])
    assert code == 2
    assert f"error: {out}" in told and "File too large. Make room" in told and "Traceback" not in told
    assert [path.name for path in out.iterdir()] == ["prompts.jsonl"] and not (out / "prompts.jsonl").read_text()
