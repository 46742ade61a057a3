"""Epochs of a stream, and going on in the middle of one."""

import multiprocessing
from collections.abc import Callable, Iterator
from itertools import islice
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

from torch.utils.data import DataLoader

from dreaminpainter.data.streaming import StreamedBatches
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.types import Batch


class _Place(NamedTuple):
    """Where in its epochs a loader is."""

    epoch: int = 0
    batches: int = 0
    ended: bool = False

    def onwards(self) -> "_Place":
        """Where an iteration that goes on from here begins."""
        return _Place(self.epoch + 1) if self.ended else self


class StreamLoader(DataLoader[Any]):
    """Hands out streamed batches, and can be saved in the middle of an epoch and go on there.

    Args:
        batches: what is handed out.
        length: batches an epoch; None goes by the stream.
        epoch: tells the number of the epoch that an iteration is of; where left out, they are counted.
        settings: of torch's DataLoader. With more workers than `batches.shards()` a state would lead elsewhere.
    """

    dataset: StreamedBatches

    def __init__(
        self,
        batches: StreamedBatches,
        length: int | None,
        epoch: Callable[[], int] | None = None,
        **settings: Any,
    ) -> None:
        context = _context() if settings.get("num_workers") else None
        super().__init__(batches, batch_size=None, multiprocessing_context=context, **settings)
        self.length = length
        self.epoch = epoch
        self._here = _Place()
        self._next = _Place()

    def __len__(self) -> int:
        """Batches an epoch.

        Raises:
            TypeError: it goes by the stream.
        """
        return super().__len__() if self.length is None else self.length

    def state_dict(self) -> dict[str, int]:
        """Epoch, batches handed out in it and whether that was all, and what their order depends on."""
        return self._here._asdict() | self._order()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next iteration begins behind those batches, or is of the next epoch where they were all.

        Raises:
            SettingError: it is within an epoch whose order this one does not have.
        """
        changed = [name for name, value in self._order().items() if state[name] != value]
        if changed and state["batches"] and not state["ended"]:
            raise SettingError(
                "The checkpoint is from within an epoch of data.streams, whose order depends on "
                + ", ".join(f"the {name} (then {state[name]}, now {self._order()[name]})" for name in changed)
                + ". Give those that it had; or one from an epoch's end (--checkpoint.every_n_epochs 1), or begin "
                "another run from its weights with --model.init_from."
            )
        self._here = _Place(state["epoch"], state["batches"], bool(state["ended"]))
        self._next = self._here.onwards()

    def _order(self) -> dict[str, int]:
        return {
            "processes": self.dataset.world_size,
            "loader workers": self.num_workers,
            "batch size": self.dataset.batch_size,
        }

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """The batches of an epoch.

        Raises:
            InputError: the streams hold no objects for this process.
        """
        epoch, number, _ = self._here = self._begin()
        self.dataset.start_at(epoch, number)
        # Lightning tells the last batch by asking for the one behind it, where there is no length to tell it by.
        ahead = 1 if self.length is None else 0
        # The places of the batches that were left out are gone through all the same, or workers would change turns.
        for number, batch in enumerate(islice(super().__iter__(), number, self.length), number + 1):  # noqa: B020
            self._here = _Place(epoch, number - ahead, number == self.length)
            yield batch
        if not number:
            raise InputError(
                f"No object came from data.streams ({', '.join(self.dataset.streams)}) in process {self.dataset.rank} "
                f"of {self.dataset.world_size}. Give files that hold objects, one or more for each process."
            )
        self._here = _Place(epoch, number, ended=True)

    def _begin(self) -> _Place:
        """Where an iteration begins: at what was loaded, unless that is of an epoch before."""
        if self.epoch is not None:
            return max(self._next, _Place(self.epoch()))
        here, self._next = self._next, _Place(self._next.epoch + 1)
        return here


def _context() -> BaseContext:
    """How workers are started: not as forks of this process, since Arrow's threads do not survive that.

    Where there is one, a server that has imported everything is forked instead, which is quicker than starting anew.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context
