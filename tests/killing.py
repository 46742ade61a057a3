"""Processes that end as they do in the world: forks of the test's own, so that nothing is imported anew."""

import os
import resource
import select
import signal
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl

from benchmarks.killing import call_and_exit


def in_fork(function: Callable[[], Any]) -> tuple[int, str]:
    """Calls `function` in a process of its own.

    Returns:
        Its exit code, minus the signal's number where one killed it; and what it printed.
    """
    readable, writable = os.pipe()  # not a file, whose size may be limited
    process = os.fork()
    if process == 0:
        call_and_exit(function, writable)
    os.close(writable)
    printed, ended = b"", 0
    while not ended:
        ended, status = os.waitpid(process, os.WNOHANG)
        # Loader processes that have lost their parent live on for some seconds, and hold the pipe open.
        while select.select([readable], [], [], 0 if ended else 0.05)[0]:
            piece = os.read(readable, 65536)
            if not piece:
                break
            printed += piece
    os.close(readable)
    return os.waitstatus_to_exitcode(status), printed.decode()


class Signal(pl.Callback):
    """Sends this process a signal, once, in the step that follows `after` steps.

    Args:
        within: `step`, as the gradients of its first batch are there; or `validation`, after its first batch.
        after: optimizer steps that were done before.
        number: the signal's.
    """

    def __init__(self, within: str, after: int, number: int = int(signal.SIGKILL)) -> None:
        self.within = within
        self.after = after
        self.number = number
        self.sent = False

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        self._send("step", trainer)

    def on_validation_batch_end(self, trainer: Any, *_: Any) -> None:
        self._send("validation", trainer)

    def _send(self, within: str, trainer: Any) -> None:
        if not self.sent and within == self.within and trainer.global_step == self.after:
            self.sent = True
            os.kill(os.getpid(), self.number)


class FullDisk(pl.Callback):
    """Lets no file grow beyond `size` bytes from a step on; a process that writes on is killed, or has an error.

    Args:
        after: optimizer steps.
        kill: the kernel ends the process within the write; otherwise the write fails.
        spared: how many checkpoints are still written from there.
        size: of a file, less than a checkpoint's and more than a log's.
    """

    def __init__(self, after: int, kill: bool, spared: int = 0, size: int = 100_000) -> None:
        self.after = after
        self.kill = kill
        self.spared = spared
        self.size = size

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
        if trainer.global_step < self.after:
            return
        self.spared -= 1
        if self.spared < 0:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))
            if self.kill:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def callback(kind: type, **settings: Any) -> str:
    """A flag's value that names one callback more."""
    arguments = ", ".join(f"{name}: {str(value).lower()}" for name, value in settings.items())
    return f"[{{class_path: {kind.__module__}.{kind.__name__}, init_args: {{{arguments}}}}}]"
