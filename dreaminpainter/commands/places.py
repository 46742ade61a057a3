"""Where in its data a run goes on that has other processes or batches than before."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.resuming import batches_done


class PlaceInEpoch(Callback):
    """Tells Lightning's loops how many batches of the epoch are done, in batches of now."""

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
