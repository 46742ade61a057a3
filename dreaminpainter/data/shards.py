"""The shards of prepared data that are trained on as they are read.

Example:
    >>> stream = ShardStream("data/mine")  # reads nothing yet
    >>> stream.buffer_size
    1000
"""

from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Image, load_dataset
from datasets import IterableDataset as Rows

from dreaminpainter.components import Component
from dreaminpainter.data.sources.files import required
from dreaminpainter.data.store.schema import NEEDED, PUBLIC_FEATURES
from dreaminpainter.errors import InputError, SettingError


class ShardStream(Component):
    """The Parquet files of prepared data, read one after the other.

    Make them with `dreaminpainter prepare ... --parquet true`. For several processes and workers to share the work
    there should be at least as many files as processes times workers.

    Args:
        files: a folder of prepared data, a pattern ("data/*.parquet"), or a dataset on the hub ("hub://owner/name").
        buffer_size: how many objects are held to be shuffled; the order of the files is shuffled besides.

    Raises:
        SettingError: the buffer is empty.
    """

    def __init__(self, files: str, buffer_size: int = 1000) -> None:
        if buffer_size < 1:
            raise SettingError(f"ShardStream: buffer_size is {buffer_size}. Set it to 1 or more.")
        self.files = files
        self.buffer_size = buffer_size

    def rows(self, seed: int) -> Rows:
        """The rows, shuffled; `set_epoch` shuffles anew.

        Raises:
            MissingFileError: there are no such files.
            InputError: they are no prepared data of this version.
        """
        if self.files.startswith("hub://"):
            rows = load_dataset(self.files.removeprefix("hub://"), split="train", streaming=True)
            _refuse_without(NEEDED - set(rows.features or ()), self.files)
        else:
            paths = self.paths()
            features = _columns_of(paths[0])
            rows = load_dataset("parquet", data_files=paths, split="train", streaming=True, features=features)
        for column in ("image", "reference"):
            rows = rows.cast_column(column, Image(decode=False))
        return rows.shuffle(seed=seed, buffer_size=self.buffer_size)

    def paths(self) -> list[str]:
        """The files, where they lie on this machine.

        Raises:
            MissingFileError: there are none.
        """
        pattern = Path(self.files)
        if pattern.is_dir():
            pattern = pattern / "parquet" / "*.parquet"
        paths = sorted(str(path) for path in pattern.parent.glob(pattern.name))
        if not paths:
            required(pattern, "Write the files: dreaminpainter prepare SOURCE --output FOLDER --parquet true")
        return paths

    def fingerprint(self) -> str:
        """Tells whether two streams are of the same files, by name and size."""
        files = [self.files]
        if not self.files.startswith("hub://"):
            files = [f"{Path(path).name} {Path(path).stat().st_size}" for path in self.paths()]
        return blake2b("\n".join(files).encode(), digest_size=16).hexdigest()


def _columns_of(path: str) -> Features:
    """The columns of a file, and those of this version that it has not: files of both may be read together.

    Else datasets would take the first file's columns for all, and fail at the first file that has more. Only one file
    is looked at, since there may be thousands.

    Raises:
        InputError: the file lacks a column that is needed, or cannot be read.
    """
    try:
        schema = pq.read_schema(path).remove_metadata()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error}). Write it again.") from error
    found = Features.from_arrow_schema(schema)
    _refuse_without(NEEDED - found.keys(), path)
    return Features({**PUBLIC_FEATURES, **found})


def _refuse_without(missing: set[str], files: str) -> None:
    if missing:
        raise InputError(
            f"{files} lacks the columns {', '.join(sorted(missing))}: it is no prepared data, or of an older version. "
            "Prepare it again."
        )
