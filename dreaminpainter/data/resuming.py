"""Going on in the middle of an epoch, by as many processes as before or others."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from dreaminpainter.data.sampling import Merged
from dreaminpainter.types import Batch


class ResumableLoader(DataLoader[Any]):
    """A DataLoader that Lightning can save in the middle of an epoch and continue exactly there.

    The position is the number of batches handed out, not of those that workers have prepared. It can be gone on from
    with another number of processes, size of batch or accumulation: no sample comes twice then, and none is left out,
    provided that Lightning's loops go on at the same place. The command's `PlaceInEpoch` tells it them; a Trainer of
    one's own needs that callback too, or goes on with the same numbers only.
    """

    sampler: Merged

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handed_out = (0, 0)  # of which epoch, and how many batches of it
        self._goes_on = False

    def state_dict(self) -> dict[str, int]:
        """Where the epoch started in the run, how long it is, and how many of its batches were handed out."""
        sampler = self.sampler
        return {
            "epoch": sampler.epoch,
            "start": sampler.place,
            "batches": self._done(),
            "length": len(self),
            "samples_per_batch": (self.batch_size or 1) * sampler.world_size,
            "samples_per_step": sampler.samples_per_step * sampler.world_size,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next iteration of that epoch begins behind those batches; `step` is the optimizer step it is for."""
        sampler, batch_size = self.sampler, self.batch_size or 1
        batches = batches_done(state, sampler, batch_size)
        steps = batches * batch_size // sampler.samples_per_step
        step = state.get("step", state["epoch"] * len(sampler) // sampler.samples_per_step + steps)
        # Told from now on: a checkpoint may be written before the first batch, as within a validation that comes first.
        self._handed_out, self._goes_on = (state["epoch"], batches), True
        place = state["start"] + state["batches"] * state["samples_per_batch"]
        start = place - batches * batch_size * sampler.world_size
        sampler.begin_at(state["epoch"], start, step - steps)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        epoch, done = self.sampler.epoch, self._done() if self._goes_on else 0
        self._goes_on = False
        start = done if done < len(self) else 0
        self._handed_out = (epoch, start)
        self.sampler.skip = start * (self.batch_size or 1)
        for number, batch in enumerate(super().__iter__(), start + 1):
            self._handed_out = (epoch, number)
            yield batch

    def _done(self) -> int:
        """The batches that were handed out of the epoch that is set."""
        epoch, batches = self._handed_out
        return batches if epoch == self.sampler.epoch else 0


def batches_done(state: dict[str, int], sampler: Merged, batch_size: int) -> int:
    """How many batches of an epoch that was begun count as handed out.

    Where a batch or step is of as many samples as before, these are those that were. Otherwise they are as many as
    make the whole steps of now that the samples come to; at least one is left, unless the epoch was at its end.

    Args:
        state: of a `ResumableLoader`.
        sampler: of the one that goes on.
        batch_size: of the one that goes on, for each process.
    """
    length = len(sampler) // batch_size
    if state["batches"] == state["length"]:
        return length
    per_step = sampler.samples_per_step * sampler.world_size
    if (state["samples_per_batch"], state["samples_per_step"]) == (batch_size * sampler.world_size, per_step):
        return state["batches"]
    accumulated = sampler.samples_per_step // batch_size
    return min(state["batches"] * state["samples_per_batch"] // per_step * accumulated, length - accumulated)
