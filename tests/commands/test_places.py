from pathlib import Path
from typing import Any

from listening import SavedEverywhere, heard

from dreaminpainter.commands.places import PlaceInEpoch
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.sources import CrittersSource


def data(batch_size: int) -> InpaintingDataModule:
    return InpaintingDataModule(
        {"drawn": CrittersSource(size=32, reference_size=32, count=6, supersample=1)},
        {"drawn": CrittersSource(size=32, reference_size=32, count=2, supersample=1, split="validation")},
        height=32,
        width=32,
        reference_size=32,
        batch_size=batch_size,
        num_workers=0,
    )


def test_other_batches_go_on_from_wherever_a_run_was_saved_without_repeating_or_leaving_out(tmp_path: Path) -> None:
    run = _names(heard(data(3), SavedEverywhere(tmp_path)))
    assert len(run) == 18
    for path in sorted(tmp_path.iterdir()):
        batches = int(path.name[:2])
        if batches <= 4:
            rest = _names(heard(data(4), PlaceInEpoch(), start=path))
            expected = run[3 * batches :]
            # An epoch of six is made longer to two steps of four.
            assert rest[: len(expected)] == expected and len(rest) > len(expected), path.name


def _names(heard: list[Any]) -> list[str]:
    return [name for _, names in heard for name in names]
