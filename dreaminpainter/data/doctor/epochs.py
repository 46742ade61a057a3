"""What an epoch of training has of each source."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.doctor.findings import Finding
from dreaminpainter.errors import SettingError

_OFTEN = 10
"""Passes over a source within an epoch that are worth a note (our choice)."""


@dataclass(frozen=True)
class Epoch:
    """An epoch of training.

    Args:
        samples: how many samples there are of each source, on average over epochs.
        sizes: how many objects each source has.
        problem: why there can be no epoch; empty where there can.
    """

    samples: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    problem: str = ""


def plan_epoch(data: InpaintingDataModule) -> Epoch:
    """The epoch that training in one process would have."""
    sizes = {name: len(source) for name, source in data.train.items()}
    try:
        sampler = data.order()
    except SettingError as error:
        return Epoch(sizes=sizes, problem=str(error))
    return Epoch({name: sampler.shares.get(name, 0.0) * sampler.samples_per_epoch for name in sizes}, sizes)


def check_epoch(epoch: Epoch) -> Iterator[Finding]:
    """That there can be an epoch; a note on sources that are passed over many times, or never."""
    if epoch.problem:
        yield Finding("error", "epoch", epoch.problem)
    for name, samples in epoch.samples.items():
        passes = samples / epoch.sizes[name]
        if samples == 0:
            yield Finding(
                "note", "epoch", f"train/{name} has the weight 0 and is not trained on.", part=f"train/{name}"
            )
        elif passes >= _OFTEN:
            message = (
                f"train/{name}: each of its {epoch.sizes[name]} objects comes {passes:.0f} times an epoch. Lower its "
                "weight or data.samples_per_epoch if that is not wanted."
            )
            yield Finding("note", "epoch", message, part=f"train/{name}")
