"""Where in its data a run goes on that has other processes or batches than before."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.resuming import batches_done


class PlaceInEpoch(Callback):
    """Tells Lightning's loops how many batches of the epoch are done, in batches of now.

    From a checkpoint of an epoch's very end Lightning goes on without telling the loader where that was, which matters
    where epochs were of another length; so it is told here.
    """

    def __init__(self) -> None:
        self._state: dict[str, Any] | None = None

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        loops = checkpoint["loops"]["fit_loop"]
        states = loops["state_dict"].get("combined_loader") or [{}]
        if not isinstance(data, InpaintingDataModule) or data.streams or "epoch" not in states[0]:
            return
        states[0]["step"] = checkpoint["global_step"]
        more = batches_done(states[0], data.order(), data.batch_size) - states[0]["batches"]
        for name, count in loops["epoch_loop.batch_progress"]["current"].items():
            loops["epoch_loop.batch_progress"]["current"][name] = count + more
        self._state = states[0]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._state is not None:
            loader: Any = trainer.train_dataloader
            loader.load_state_dict(self._state)
            self._state = None
