from collections import Counter
from pathlib import Path

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
    whole = heard(data(3), SavedEverywhere(tmp_path))
    assert len(whole) == 6
    for path in sorted(tmp_path.iterdir()):
        batches = int(path.name[:2])
        if batches <= 4:
            rest = heard(data(4), PlaceInEpoch(), start=path)
            # An epoch of six is made longer to two steps of four, so what comes is no whole number of rounds.
            seen = Counter(name for _, names in whole[:batches] + rest for name in names)
            assert len(seen) == 6 and max(seen.values()) - min(seen.values()) <= 1, path.name
