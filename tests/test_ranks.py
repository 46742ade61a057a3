"""Several processes: two that are joined by gloo train as one does with the doubled batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from killing import callback
from lightning.pytorch import Callback
from tiny_run import command, flags

pytestmark = pytest.mark.skipif(
    torch.cuda.is_initialized(), reason="CUDA is in use already, so this process cannot be forked"
)

TWO = flags({"trainer.strategy": "ddp_fork", "trainer.devices": 2})
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


def losses(folder: Path) -> list[float]:
    """What was logged as `train/loss`, by step."""
    (file,) = (folder / "csv").rglob("metrics.csv")
    names, *rows = (line.split(",") for line in file.read_text().splitlines())
    found = [row[names.index("train/loss")] for row in rows]
    return [float(one) for one in found if one]


def trained(folder: Path, *more: str, steps: int = 3) -> tuple[list[float], dict[str, dict[str, torch.Tensor]]]:
    """The losses of each step, and the gradients by step and process."""
    logger = flags({"trainer.logger": "CSVLogger", "trainer.logger.init_args.save_dir": folder / "csv"})
    own = ["--trainer.callbacks", callback(Gradients)]
    assert command("fit", folder, *PLAN, *logger, *own, *more, steps=steps) == 0
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
