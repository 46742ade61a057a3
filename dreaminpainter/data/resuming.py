"""Going on in the middle of an epoch, by as many processes as before or others."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from dreaminpainter.data.sampling import Merged
from dreaminpainter.types import Batch


class ResumableLoader(DataLoader[Any]):
    """A DataLoader that Lightning can save in the middle of an epoch and continue exactly there.

    The position is the number of batches handed out, not of those that workers have prepared. It can be gone on from
    with another number of processes, size of batch or accumulation: no sample comes twice then, and none is left out.
    """

    sampler: Merged

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handed_out = 0
        self._resume: tuple[int, int] | None = None

    def state_dict(self) -> dict[str, int]:
        """Where the epoch started in the run, how long it is, and how many of its batches were handed out."""
        sampler = self.sampler
        return {
            "epoch": sampler.epoch,
            "start": sampler.place,
            "batches": self._handed_out,
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
        self._resume = (state["epoch"], batches)
        place = state["start"] + state["batches"] * state["samples_per_batch"]
        start = place - batches * batch_size * sampler.world_size
        sampler.begin_at(state["epoch"], start, step - steps)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        epoch, done = self._resume or (-1, 0)
        self._resume = None
        start = done if epoch == self.sampler.epoch and done < len(self) else 0
        self._handed_out = start
        self.sampler.skip = start * (self.batch_size or 1)
        for batch in super().__iter__():
            self._handed_out += 1
            yield batch


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
