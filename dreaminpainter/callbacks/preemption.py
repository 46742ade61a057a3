"""Ending a run that the machine's scheduler wants out, without losing what it has done."""

import os
import signal
import subprocess
import sys
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.utilities import rank_zero_warn


class Preempted(SystemExit):
    """Training was ended by a signal, after its checkpoint had been written; the exit code is 128 + the signal's."""


class Preemption:
    """Notes the signals that ask a run to end, until the run is at a place where it can.

    These are SIGTERM, and under SLURM SIGUSR1, upon which the job is put back into the queue. Lightning answers the
    same ones, but within a step, so that half of one would be lost or saved.

    Example:
        >>> preemption = Preemption()
        >>> preemption.signal is None
        True
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        """The signal that has come."""
        self._before: dict[int, Any] = {}

    def watch(self) -> None:
        """From here on signals are noted, and do nothing else; in other threads than the main one nothing is."""
        for one in [signal.SIGTERM, *([signal.SIGUSR1] if SLURMEnvironment.detect() else [])]:
            handler = signal.getsignal(one)
            if callable(handler):  # not where Lightning was told not to requeue, or is on Windows
                try:
                    self._before[one] = signal.signal(one, self._note)
                except ValueError:
                    return

    def ignore(self) -> None:
        """Signals do again what they did."""
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}

    def asked_for(self, trainer: pl.Trainer) -> bool:
        """Whether a signal has come to any process; all of them have to ask together."""
        received = self.signal is not None or trainer.received_sigterm
        return received if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(received, all=False)

    def leave(self, trainer: pl.Trainer, checkpoint: str) -> None:
        """Puts a job of SLURM back into the queue where that was asked for, and ends the run.

        Args:
            trainer: of the run.
            checkpoint: that it can go on from.

        Raises:
            Preempted: always.
        """
        number = signal.SIGTERM if self.signal is None else signal.Signals(self.signal)
        if trainer.is_global_zero:
            print(  # noqa: T201
                f"note: {number.name} ended this run at step {trainer.global_step}, saved in {checkpoint}. The same "
                "command goes on from there.",
                file=sys.stderr,
            )
            if number != signal.SIGTERM:
                _requeue()
        raise Preempted(128 + number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number


def _requeue() -> None:
    """Puts this job of SLURM back into the queue."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else str(SLURMEnvironment().job_id())
    answer = subprocess.run(["scontrol", "requeue", job], check=False, capture_output=True, text=True)  # noqa: S603, S607
    if answer.returncode:
        rank_zero_warn(f"scontrol could not requeue the job {job}: {answer.stderr.strip()}. Submit it again by hand.")
