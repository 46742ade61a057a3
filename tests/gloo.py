"""Work of two real processes that are joined by gloo."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch.distributed


def on_two(work: Callable[[int], Any], meeting: Path) -> list[Any]:
    """What `work(rank)` gives on each of two processes, which meet at the file `meeting`.

    They are forks, so that `work` need not be importable and nothing has to be imported again.
    """
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    workers = [context.Process(target=_run, args=(work, rank, meeting, answers)) for rank in range(2)]
    for worker in workers:
        worker.start()
    found = dict(answers.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0
    return [found[rank] for rank in range(2)]


def _run(work: Callable[[int], Any], rank: int, meeting: Path, answers: Any) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    answers.put((rank, work(rank)))
    torch.distributed.destroy_process_group()
