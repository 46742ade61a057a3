"""What Open Images' CSV files say; millions of rows, so whole columns are judged at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from dreaminpainter.data.sources.base import LeftOut
from dreaminpainter.data.sources.files import required
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.openimages_tables import CLASSES, CORNERS, class_names, flags_of, one_of, read_columns
from dreaminpainter.paths import is_inside

LICENCE = "CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/)"
"""What all pictures are listed under."""

_BROKEN_BOX = "has the box {BoxXMin:g} to {BoxXMax:g}, {BoxYMin:g} to {BoxYMax:g}, not shares in order from 0 to 1"


@dataclass(frozen=True)
class OpenImagesIndex:
    """The objects as columns: text as one piece of memory each, since Python's own would take gigabytes.

    Args:
        masks: the file names of the masks of the objects that are kept.
        pictures: the ids of their pictures.
        labels: the place of each one's class in `class_names`.
        class_names: classes in words.
        others: the ids of the objects that are left out.
        reasons: the place of each one's reason in `reason_names`.
        reason_names: reasons, as in `LeftOut`.
        damages: what is broken, by place in `others`.
    """

    masks: Any
    pictures: Any
    labels: NDArray[np.int16]
    class_names: list[str]
    others: Any
    reasons: NDArray[np.int8]
    reason_names: list[str]
    damages: dict[int, str]

    def __len__(self) -> int:
        return len(self.masks)

    def mask(self, index: int) -> str:
        return str(self.masks[index])

    def picture(self, index: int) -> str:
        return str(self.pictures[index])

    def class_name(self, index: int) -> str:
        return self.class_names[int(self.labels[index])]

    @cached_property
    def left_out(self) -> list[LeftOut]:
        return [
            LeftOut(str(id_), self.reason_names[reason], self.damages.get(place, ""))
            for place, (id_, reason) in enumerate(zip(self.others, self.reasons.tolist(), strict=True))
        ]


def read_index(annotations: Path, split: str, keep: ObjectFilter, layout: str) -> OpenImagesIndex:
    """Reads the annotations of a split.

    Args:
        annotations: the folder of the CSV files.
        split: train, validation or test.
        keep: which objects are wanted.
        layout: a clause on what to fetch, for messages.

    Raises:
        MissingFileError: a file is not there.
        InputError: a file is no CSV, or lacks columns.
        SettingError: a class is wanted that there is none of.
    """
    classes_path = one_of([annotations / name for name in CLASSES], layout)
    names_of = class_names(classes_path, layout)
    keep.check_categories(names_of.values(), classes_path)
    path = required(annotations / f"{split}-annotations-object-segmentation.csv", layout)
    corners = [f"Box{corner}" for corner in CORNERS]
    table = pd.concat(read_columns(path, ["MaskPath", "ImageID", "LabelName"], corners, layout), ignore_index=True)
    boxes = table[corners].to_numpy(np.float32)
    classes = table["LabelName"].astype("category").cat
    labels, codes = list(classes.categories), classes.codes.to_numpy()

    judge = _Judge(len(table))
    judge.leave_out(_missing(table, ["MaskPath", "ImageID"]), "broken annotation", "has no MaskPath or no ImageID")
    repeated = table["MaskPath"].duplicated().to_numpy(bool)
    judge.leave_out(repeated, "duplicate id", "names the mask {MaskPath} again, and an earlier row counts")
    outside = _outside(table["MaskPath"]) | _outside(table["ImageID"])
    judge.leave_out(outside, "file outside the root", "names files outside the root: {MaskPath!r} or {ImageID!r}")
    unknown = ~_of(codes, [label in names_of for label in labels])
    judge.leave_out(unknown, "unknown class", f"is of class {{LabelName}}, which {classes_path.name} does not list")
    judge.leave_out(~_are_boxes(boxes), "broken box", _BROKEN_BOX)
    for reason, marked in flags_of(annotations, split, table, boxes, layout).items():
        judge.leave_out(marked, reason)
    unwanted = [keep.reason(class_name=names_of.get(label), licence=LICENCE) for label in labels]
    for reason in sorted({reason for reason in unwanted if reason}):
        judge.leave_out(_of(codes, [reason == one for one in unwanted]), reason)
    judge.leave_out(np.prod(boxes[:, 1::2] - boxes[:, ::2], axis=1) < keep.min_area, "too small")

    kept = judge.reasons < 0
    others = table[~kept]
    return OpenImagesIndex(
        masks=_column(table["MaskPath"][kept]),
        pictures=_column(table["ImageID"][kept]),
        labels=codes[kept].astype(np.int16),
        class_names=[names_of.get(label, "") for label in labels],
        others=_column(others["MaskPath"].str.removesuffix(".png").fillna("")),
        reasons=judge.reasons[~kept],
        reason_names=judge.names,
        damages=judge.damages(others, path),
    )


class _Judge:
    """Why each row is left out; the first reason that is given counts.

    Args:
        count: how many rows there are.
    """

    def __init__(self, count: int) -> None:
        self.reasons = np.full(count, -1, np.int8)
        self.names: list[str] = []
        self._told: list[str] = []

    def leave_out(self, rows: NDArray[np.bool_], reason: str, damage: str = "") -> None:
        """Leaves out the rows that are true.

        Args:
            rows: a truth a row.
            reason: as in `LeftOut`.
            damage: what is broken, with the row's columns in braces; empty where nothing is.
        """
        self.reasons[rows & (self.reasons < 0)] = len(self.names)
        self.names.append(reason)
        self._told.append(damage)

    def damages(self, others: Any, path: Path) -> dict[int, str]:
        """What is broken in the rows that were left out, by their place among these."""
        reasons = self.reasons[self.reasons >= 0]
        broken = np.flatnonzero(np.isin(reasons, [place for place, damage in enumerate(self._told) if damage]))
        rows = others.iloc[broken].fillna({"MaskPath": "", "ImageID": "", "LabelName": ""})
        return {
            place: f"{path}: row {row['Index'] + 1} {self._told[reasons[place]].format_map(row)}. Correct or remove it."
            for place, row in zip(broken.tolist(), (one._asdict() for one in rows.itertuples()), strict=True)
        }


def _missing(table: Any, columns: list[str]) -> NDArray[np.bool_]:
    return np.asarray(table[columns].isna().any(axis=1), bool)


def _of(codes: NDArray[np.integer[Any]], truths: Sequence[bool]) -> NDArray[np.bool_]:
    """The truth of each row's label; false for rows without one, whose code is -1."""
    return np.asarray([*truths, False], bool).take(codes)


def _outside(names: Any) -> NDArray[np.bool_]:
    """Which names lead out of their folder."""
    suspicious = np.array(names.str.contains(r"\.\.|:|^[\\/]", na=False), bool)
    for row in np.flatnonzero(suspicious):
        suspicious[row] = not is_inside(str(names.iloc[row]))
    return suspicious


def _are_boxes(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which are shares of the picture in order; NaN is neither smaller nor larger than anything."""
    low, high = boxes[:, ::2], boxes[:, 1::2]
    return np.asarray(((low >= 0) & (low < high) & (high <= 1)).all(axis=1))


def _column(texts: Any) -> Any:
    """Text as one piece of memory, apart from the table that it came from."""
    column = pa.array(texts)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
