"""This process among those that share an evaluation or a preparation."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed

T = TypeVar("T")


class Processes:
    """The processes that share the work: those that `torchrun` started, or this one alone.

    Example:
        >>> Processes(rank=1, count=2).share(["a", "b", "c"])
        ['b']
    """

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank = rank
        self.count = count

    @classmethod
    def started(cls) -> "Processes":
        """As the environment of `torchrun` tells; they are joined, so that they can wait for each other."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count > 1 and not torch.distributed.is_initialized():
            # Gone on with, one may have hours to do that another did before, and waits for it.
            torch.distributed.init_process_group("gloo", timeout=timedelta(days=7))
        return cls(int(os.environ.get("RANK", "0")), count)

    @property
    def is_first(self) -> bool:
        """Whether this one writes what all share."""
        return self.rank == 0

    def device(self, kind: str) -> str:
        """This process's own device of that kind."""
        return f"{kind}:{os.environ.get('LOCAL_RANK', '0')}" if kind == "cuda" and self.count > 1 else kind

    def share(self, work: list[T]) -> list[T]:
        """This process's part of the work; parts are the same whatever was done before."""
        return work[self.rank :: self.count]

    def first_alone(self, work: Callable[[], T]) -> T:
        """What `work` gives, done by the first process before the others do it."""
        if not self.is_first:
            self.wait()
            return work()
        done = work()
        self.wait()
        return done

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            torch.distributed.barrier()
