"""Reads Open Images' CSV files, of which the largest have millions of rows, a column at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from dreaminpainter.data.sources.files import required
from dreaminpainter.errors import InputError

CLASSES = ("oidv7-class-descriptions-boxable.csv", "class-descriptions-boxable.csv")
"""Names that the file of the class names has, the newest version's first."""
CORNERS = ["XMin", "XMax", "YMin", "YMax"]

_BOXES = ("oidv6-{}-annotations-bbox.csv", "{}-annotations-bbox.csv")
_FLAGS = {"group": "IsGroupOf", "depiction": "IsDepiction"}
_TEXT = "string[pyarrow]"
_SAME_BOX = 1e-4
"""The corners of one box differ by less, since the two files round differently. Less than a pixel."""
_ROWS = 1_000_000
"""Rows that are read at once: there are 15 million boxes, most of which are not needed."""
_LARGE = 100_000_000
"""Bytes that take long enough to read to show how far it is."""


def read_columns(path: Path, texts: list[str], numbers: list[str], layout: str) -> Iterator[Any]:
    """The wanted columns of a CSV file, many rows at a time; what should be a number and is none is NaN."""
    columns = [*texts, *numbers]
    try:
        header = list(pd.read_csv(path, nrows=0).columns)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as CSV: {error}. {layout}.") from error
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(header)}. It is no such file of Open "
            f"Images. {layout}."
        )
    try:
        with path.open("rb") as file, _showing_progress(file, path) as shown:
            for chunk in pd.read_csv(
                shown, usecols=columns, dtype=dict.fromkeys(texts, _TEXT), chunksize=_ROWS, low_memory=False
            ):
                yield chunk.assign(**{name: _numbers(chunk[name]) for name in numbers})
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as CSV: {error}. {layout}.") from error


def _showing_progress(file: BinaryIO, path: Path) -> Any:
    """The file, read with a progress bar where it is so large that one waits."""
    size = path.stat().st_size
    return tqdm.wrapattr(file, "read", total=size, desc=f"reading {path.name}", disable=size < _LARGE)


def _numbers(column: Any) -> NDArray[np.float32]:
    return np.asarray(pd.to_numeric(column, errors="coerce"), np.float32)


def one_of(paths: list[Path], layout: str) -> Path:
    """The first that is there; of none, the last is asked for."""
    return next((path for path in paths if path.exists()), None) or required(paths[-1], layout)


def class_names(path: Path, layout: str) -> dict[str, str]:
    """Classes in words by label. V7's file has a header, older ones have none."""
    try:
        table = pd.read_csv(path, header=None, names=["label", "name"], dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as CSV: {error}. {layout}.") from error
    names = dict(zip(table["label"], table["name"], strict=True))
    names.pop("LabelName", None)
    if not names or not all(names.values()):
        raise InputError(f"{path} is no list of labels and class names such as /m/0bt9lr,Dog. {layout}.")
    return names


def flags_of(
    annotations: Path, split: str, table: Any, boxes: NDArray[np.float32], layout: str
) -> dict[str, NDArray[np.bool_]]:
    """Which rows the boxes' file marks as a group or a depiction; nothing where there is no such file."""
    path = next((path for name in _BOXES if (path := annotations / name.format(split)).exists()), None)
    if path is None:
        return {}
    chunks = read_columns(path, ["ImageID", "LabelName"], [*CORNERS, *_FLAGS.values()], layout)
    marked = pd.concat([chunk[(chunk[[*_FLAGS.values()]] == 1).any(axis=1)] for chunk in chunks])
    objects = table[["ImageID", "LabelName"]].reset_index(names="row")
    pairs = objects.merge(marked, on=["ImageID", "LabelName"])
    rows = pairs["row"].to_numpy()
    same = (np.abs(boxes[rows] - pairs[CORNERS].to_numpy()) < _SAME_BOX).all(axis=1)
    flags = {}
    for reason, column in _FLAGS.items():
        flags[reason] = np.zeros(len(table), bool)
        flags[reason][rows[same & (pairs[column] == 1).to_numpy(bool)]] = True
    return flags
