"""One fill, written beside what tells of it."""

import sys
from pathlib import Path

import torch.nn.functional as F

from dreaminpainter.commands.fills import Filled, Filler, save
from dreaminpainter.commands.requests import Request
from dreaminpainter.commands.sheets import contact_sheet
from dreaminpainter.visualization import mark_tokens, to_image


def fill_one(filler: Filler, request: Request, target: Path, explain: Path | None) -> None:
    """Fills, writes the fills, where there are several a contact sheet, and where asked for the chosen tokens.

    Args:
        filler: what fills.
        request: what is to be filled with what.
        target: the PNG to write; several are numbered.
        explain: the PNG of the chosen tokens, where it is wanted.
    """
    filler.pipeline.set_progress_bar_config(desc="filling", unit="step")
    filled = filler(request)
    for note in filled.notes:
        print(f"note: {note}", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    paths = save(filled, target)
    print(f"filled: {', '.join(map(str, paths))}")
    if len(paths) > 1:
        sheet = target.with_name(f"{target.stem}_sheet.png")
        contact_sheet([(request, paths)]).save(sheet)
        print(f"contact sheet: {sheet}")
    if explain is not None:
        _explain(filled, explain)


def _explain(filled: Filled, path: Path) -> None:
    subject = filled.output.subject
    # Enlarged, so that each chosen cell has room for its rank.
    reference = F.interpolate(filled.output.reference[:1], 512, mode="bilinear")[0]
    marked = mark_tokens(
        reference, subject.selection.indices[0], subject.features.grid, subject.features.has_class_token
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    to_image(marked).save(path)
    print(f"chosen tokens: {path}")
