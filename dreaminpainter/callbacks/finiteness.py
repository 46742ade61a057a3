"""What happens where a loss or gradient is no number any more."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from dreaminpainter.atomic import whole
from dreaminpainter.errors import NonFiniteError, SettingError
from dreaminpainter.types import Batch


class NonFiniteGuard(Callback):
    """Looks at the gradients ahead of each optimizer step, and lets none be made of what is infinite or no number.

    What led there is written into `nonfinite/step_{step}_rank_{rank}.pt` of the trainer's `default_root_dir`: a dict of
    the `batches` of the step, each with the fields of a `Batch`, the model's `state_dict` before it, and the `step`.
    `torch.load(path, weights_only=True)` reads it. A skipped step leaves weights and optimizer as they were, and counts
    as one.

    With float16 gradients are infinite now and then while their scale is sought; Lightning skips these steps itself,
    and the guard looks at the loss alone.

    Args:
        skip: how many steps of a run may be skipped before it ends, 0 or more.

    Raises:
        SettingError: `skip` is negative.
        NonFiniteError: while training, where more steps would have to be skipped.

    Example:
        >>> NonFiniteGuard(skip=3).skip
        3
    """

    state_key = "nonfinite"

    def __init__(self, skip: int = 0) -> None:
        if skip < 0:
            raise SettingError(f"nonfinite.skip is {skip}. Set it to 0 or more.")
        self.skip = skip
        self.skipped = 0
        """Steps that were skipped so far, over all of the run."""
        self._batches: list[Batch] = []
        self._losses: list[Tensor] = []
        self._step = 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step != self._step:
            self._step = trainer.global_step
            self._batches, self._losses = [], []
        self._batches.append(batch)

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        self._losses.append(loss.detach().float())

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:
        norms = [] if trainer.precision == "16-mixed" else _norms_of_gradients(pl_module)
        finite = bool(torch.stack([*self._losses, *norms]).isfinite().all())  # one wait for the device
        # Of sharded gradients one process alone may have those that are not.
        if trainer.strategy.reduce_boolean_decision(finite):
            return
        path = self._write(trainer, pl_module)
        ids = ", ".join(
            f"{source} {id}" for one in self._batches for source, id in zip(one.source, one.id, strict=True)
        )
        told = (
            f"The loss or gradients of step {trainer.global_step} are infinite or no numbers. Its samples are {ids}; "
            f"they and the weights before the step are in {path}."
        )
        if self.skipped >= self.skip:
            raise NonFiniteError(
                f"{told} {self.skipped} steps were skipped before. Look at the samples, lower model.learning_rates or "
                "set trainer.gradient_clip_val; or let some steps be skipped with --nonfinite.skip. The same command "
                "goes on from the last checkpoint."
            )
        self.skipped += 1
        rank_zero_warn(f"{told} The step is skipped, the {self.skipped}. of {self.skip} that may be.")
        optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """How many steps were `skipped`."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.skipped = state_dict["skipped"]

    def _write(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> Path:
        folder = Path(trainer.default_root_dir) / "nonfinite"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"step_{trainer.global_step:06d}_rank_{trainer.global_rank}.pt"
        held = {
            "step": trainer.global_step,
            "batches": [asdict(batch) for batch in self._batches],
            "state_dict": pl_module.state_dict(),
        }
        with whole(path) as beside:
            torch.save(held, beside)
        return path


def _norms_of_gradients(module: pl.LightningModule) -> list[Tensor]:
    gradients = [one.grad for one in module.parameters() if one.grad is not None]
    return [norm.float() for norm in torch._foreach_norm(gradients)]
