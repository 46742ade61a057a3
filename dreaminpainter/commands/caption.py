"""`caption`: captions of prepared data; `caption-export` and `caption-import`: the same as a file to edit."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dreaminpainter.commands.calling import call
from dreaminpainter.commands.noise import silence_noise
from dreaminpainter.data.captioning import BlipCaptioner, Captioner
from dreaminpainter.data.sources.base import damage_report
from dreaminpainter.data.store.captions import FOLDER
from dreaminpainter.data.store.captions_csv import export_captions, import_captions
from dreaminpainter.data.store.reading import PreparedSource

if TYPE_CHECKING:
    from dreaminpainter.data.captioning.predicting import Report


def caption(
    root: str,
    captioner: Captioner | None = None,
    batch_size: int = 16,
    num_workers: int = 2,
    accelerator: str = "auto",
    devices: int | str = "auto",
    num_nodes: int = 1,
    strategy: str = "auto",
    precision: str = "32-true",
) -> None:
    """Captions whole pictures and the crops of their objects, and keeps the captions beside the prepared data.

    What this captioner has captioned already is passed over: ended at any point and run again, it goes on. A caption
    that a person wrote stays, and comes before every captioner's.

    Args:
        root: the folder of the prepared data; captions are written into its folder `captions`.
        captioner: makes the captions.
        batch_size: how many objects are read, captioned and written at once; their crops are one batch, and their whole
            pictures another. BLIP resizes them to one size.
        num_workers: processes that read pictures, for each device.
        accelerator: Lightning's: "cpu", "cuda", "mps", or "auto" for the fastest there is.
        devices: how many, or a list; each writes its own shards.
        num_nodes: how many machines.
        strategy: Lightning's, how several devices work together.
        precision: Lightning's, such as bf16-true.
    """
    # Imported for work alone: Lightning takes seconds, which help and the other two commands should not wait for.
    from lightning.pytorch.utilities import rank_zero_only

    from dreaminpainter.data.captioning.predicting import write_captions

    silence_noise()
    report = write_captions(
        PreparedSource(root),
        Path(root) / FOLDER,
        captioner or BlipCaptioner(),
        batch_size,
        num_workers,
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=precision,
    )
    rank_zero_only(_tell)(report)


def export(root: str, file: str) -> None:
    """Writes all captions of prepared data into a CSV file with the columns id, of, text and by, to be edited.

    Args:
        root: the folder of the prepared data.
        file: the CSV file to write.
    """
    source = PreparedSource(root)
    export_captions(source.captions, file)
    print(f"captions: {file}")


def bring_back(root: str, file: str) -> None:
    """Takes what was changed or added in an exported CSV file as a person's captions; all of it, or nothing.

    Args:
        root: the folder of the prepared data.
        file: the CSV file.
    """
    source = PreparedSource(root)
    count = import_captions(source.captions, file, {source.id_of(index) for index in range(len(source))})
    print(f"captions changed or added: {count}")


FUNCTIONS: dict[str, Callable[..., None]] = {
    "caption": caption,
    "caption-export": export,
    "caption-import": bring_back,
}


def run(name: str, arguments: list[str]) -> None:
    """Runs one of the three commands with the given arguments.

    Raises:
        SettingError: the arguments cannot be understood.
    """
    # So that --captioner.model is understood without naming the class first.
    defaults = {"captioner": {"class_path": "BlipCaptioner"}} if name == "caption" else None
    call(FUNCTIONS[name], name, arguments, as_positional=True, defaults=defaults)


def _tell(report: "Report") -> None:
    for of, count in report.written.items():
        print(f"captions of the {of}: {count} written, {report.before[of]} there before")
    if report.damage:
        print(f"pictures that could not be read and have no captions: {len(report.damage)}", file=sys.stderr)
        print(damage_report(report.damage, most=len(report.damage)), file=sys.stderr)
