"""Several processes: two that are joined by gloo train as one does, end together, and wait for nobody in vain."""

import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import torch
from killing import callback
from lightning.pytorch import Callback
from ranks import PATIENCE, on_ranks
from tiny_run import TINY, command, flags

from dreaminpainter.errors import InputError

pytestmark = pytest.mark.skipif(
    torch.cuda.is_initialized(), reason="CUDA is in use already, so this process cannot be forked"
)

TWO = flags({"trainer.strategy": "ddp_fork", "trainer.devices": 2})
STARTED = flags({"trainer.strategy": "ddp", "trainer.devices": 2})
"""For processes that `torchrun` started."""
PLAN = flags(
    {
        "model.regularizer": "DecouplingRegularizer",
        "model.regularizer.init_args.probability": "Constant",
        "model.regularizer.init_args.probability.init_args.value": 0.5,
        "model.reference_dropout": 0.5,
        "model.text_dropout": 0.3,
        "data.samples_per_epoch": 24,
        "trainer.accumulate_grad_batches": 2,
        "trainer.log_every_n_steps": 1,
    }
)


class Gradients(Callback):
    """Writes the gradients of each step, as every process has them."""

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        folder = Path(trainer.default_root_dir) / "gradients"
        folder.mkdir(exist_ok=True)
        own = {name: one.grad.clone() for name, one in pl_module.named_parameters() if one.grad is not None}
        torch.save(own, folder / f"{trainer.global_step}-{trainer.global_rank}.pt")


class Failing(Callback):
    """Fails in one process, ahead of a step; the others wait for it, or sleep."""

    def __init__(self, rank: int, step: int = 2, nap: int = 0) -> None:
        self.rank = rank
        self.step = step
        self.nap = nap

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            if trainer.global_rank == self.rank:
                raise InputError(f"a picture of rank {self.rank} is broken")
            sleep(self.nap)


class Alone(Callback):
    """Logs in the first process alone."""

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if trainer.is_global_zero:
            pl_module.log("alone/step", float(trainer.global_step), rank_zero_only=True)
            for logger in trainer.loggers:
                logger.log_metrics({"alone/straight": 1.0}, step=trainer.global_step - 1)


def losses(folder: Path, name: str = "train/loss") -> list[float]:
    """What was logged under a name, by step."""
    (file,) = (folder / "csv").rglob("metrics.csv")
    names, *rows = (line.split(",") for line in file.read_text().splitlines())
    found = [row[names.index(name)] for row in rows]
    return [float(one) for one in found if one]


def logging(folder: Path) -> list[str]:
    return flags({"trainer.logger": "CSVLogger", "trainer.logger.init_args.save_dir": folder / "csv"})


def trained(folder: Path, *more: str, steps: int = 3) -> tuple[list[float], dict[str, dict[str, torch.Tensor]]]:
    """The losses of each step, and the gradients by step and process."""
    own = ["--trainer.callbacks", callback(Gradients)]
    assert command("fit", folder, *PLAN, *logging(folder), *own, *more, steps=steps) == 0
    files = sorted((folder / "gradients").iterdir())
    return losses(folder), {path.stem: torch.load(path, weights_only=True) for path in files}


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param([], id="decoupling"),
        pytest.param(["--model.regularizer", "AddedTermRegularizer"], id="added term", marks=pytest.mark.slow),
    ],
)
def test_two_processes_are_one_with_the_doubled_batch(plan: list[str], tmp_path: Path) -> None:
    loss, whole = trained(tmp_path / "one", *plan, "--data.batch_size", "4")
    loss_of_two, parts = trained(tmp_path / "two", *plan, *TWO)
    assert loss_of_two == pytest.approx(loss, abs=1e-5)
    assert sorted(parts) == [f"{step}-{rank}" for step in range(3) for rank in range(2)]
    for step in range(3):
        torch.testing.assert_close(parts[f"{step}-0"], parts[f"{step}-1"], rtol=0, atol=0)
        torch.testing.assert_close(parts[f"{step}-0"], whole[f"{step}-0"], rtol=0, atol=1e-5)
    largest = max(float(one.abs().max()) for one in whole["0-0"].values())
    assert largest > 1e-2, "gradients so small that a difference would not be seen"


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_where_one_process_fails_the_others_end_with_it_and_its_error_comes_first(rank: int, tmp_path: Path) -> None:
    failing = ["--trainer.callbacks", callback(Failing, rank=rank)]
    codes, told = on_ranks(lambda _: command("fit", tmp_path, *STARTED, *failing, steps=6))
    assert codes == [2, 2], "an error that is told, and not one that was killed when time was up"
    errors = [line for line in told.splitlines() if line.startswith("error: ")]
    assert errors[0] == f"error: a picture of rank {rank} is broken"
    assert len(errors) == 2 and "Another process of this run has ended" in errors[1]
    assert "Traceback" not in told


@pytest.mark.slow
def test_processes_that_lightning_started_end_with_the_first_however_busy_they_are(tmp_path: Path) -> None:
    where = flags({"trainer.default_root_dir": tmp_path, "trainer.max_steps": 6, "trainer.max_time": "null"})
    failing = ["--trainer.callbacks", callback(Failing, rank=0, nap=10 * PATIENCE)]
    ended = subprocess.run(
        [sys.executable, "-m", "dreaminpainter", "fit", *TINY, *where, *STARTED, *failing],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=5 * PATIENCE,  # until all that hold the pipe have ended; most of it is the start
        check=False,
    )
    assert ended.returncode == 2
    assert "error: a picture of rank 0 is broken" in ended.stdout


def test_unequal_parts_of_the_validation_data_and_logs_of_one_alone_keep_nobody_waiting(tmp_path: Path) -> None:
    settings = {"data.batch_size": 1, "data.validation_samples": 3, "trainer.val_check_interval": 2}
    alone = ["--trainer.callbacks", callback(Alone), *flags(settings | {"trainer.log_every_n_steps": 1})]

    def fit(name: str, *more: str) -> int:
        return command("fit", tmp_path / name, *alone, *logging(tmp_path / name), *more, steps=4)

    codes, told = on_ranks(lambda _: fit("two", *STARTED))
    assert codes == [0, 0], told
    assert losses(tmp_path / "two", "alone/step") == [1, 2, 3, 4]
    assert len(losses(tmp_path / "two", "val/loss_main")) == 2
    # Of the weights that both start from, the mean over all samples is that of one process.
    codes, told = on_ranks(lambda _: command("validate", tmp_path / "b", *alone, *logging(tmp_path / "b"), *STARTED))
    assert codes == [0, 0], told
    assert command("validate", tmp_path / "a", *alone, *logging(tmp_path / "a")) == 0
    for name in ("val/loss_main", "val/loss_regularization"):
        assert losses(tmp_path / "b", name) == pytest.approx(losses(tmp_path / "a", name), abs=1e-5)


class Seen(Callback):
    """Writes which samples each step is made of, a file a process."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        folder = Path(trainer.default_root_dir) / "seen"
        folder.mkdir(exist_ok=True)
        with (folder / f"{trainer.global_rank}.txt").open("a") as file:
            file.writelines(f"{trainer.global_step} {key}\n" for key in batch.key.tolist())


def seen(folder: Path) -> list[list[str]]:
    """The samples of each step."""
    lines = [line for file in (folder / "seen").iterdir() for line in file.read_text().splitlines()]
    pairs = sorted((int(step), key) for step, key in (line.split() for line in lines))
    return [[key for one, key in pairs if one == step] for step in sorted({step for step, _ in pairs})]


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes_and_the_same_samples(tmp_path: Path) -> None:
    # An epoch has 12 samples, of which a step takes 4 by whatever processes there are.
    settings = {"data.samples_per_epoch": 11, "trainer.log_every_n_steps": 1, "model.reference_dropout": 0.5}
    more = [*flags(settings), "--trainer.callbacks", callback(Seen)]
    four = ["--data.batch_size", "4"]
    assert command("fit", tmp_path / "whole", *more, *four, *logging(tmp_path / "whole"), steps=8) == 0

    folder = tmp_path / "parts"
    assert command("fit", folder, *more, *four, *logging(folder / "0"), steps=2) == 0
    codes, told = on_ranks(lambda _: command("fit", folder, *more, *STARTED, *logging(folder / "1"), steps=5))
    assert codes == [0, 0] and "data.batch_size: 4 -> 2" in told
    halved = flags({"data.batch_size": 2, "trainer.accumulate_grad_batches": 2})
    assert command("fit", folder, *more, *halved, *logging(folder / "2"), steps=8) == 0
    assert seen(folder) == seen(tmp_path / "whole")
    parts = [losses(folder / str(number)) for number in range(3)]
    assert [len(part) for part in parts] == [2, 3, 3]
    assert list(chain(*parts)) == pytest.approx(losses(tmp_path / "whole"), abs=1e-5)
    ended = [torch.load(one / "checkpoints" / "last.ckpt", weights_only=True) for one in (folder, tmp_path / "whole")]
    assert ended[0]["epoch"] == ended[1]["epoch"]
