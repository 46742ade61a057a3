"""Prepared data as Parquet, pictures embedded: to publish, and to stream."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import load_dataset
from tqdm import tqdm

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.data.store.reading import PreparedSource
from dreaminpainter.data.store.schema import PUBLIC_FEATURES
from dreaminpainter.errors import InputError
from dreaminpainter.hub import REFUSALS

_SHARD = 2_000
"""Objects a file: some hundred megabytes with pictures of COCO's size."""
_GROUP = 100
"""Objects a row group, which a reader of a stream holds in memory at once."""
_SCHEMA = PUBLIC_FEATURES.arrow_schema


def write_parquet(source: PreparedSource) -> list[Path]:
    """Writes `parquet/train-00000-of-00010.parquet` and so on into the folder of prepared data.

    Captions that were written beside the data go into the column `written`. Files that are there are left alone, so a
    run that was killed is gone on with; to bring in captions that were written since, delete them.

    Raises:
        InputError: a picture cannot be read any more.
        MissingFileError: likewise.
    """
    folder = Path(source.root) / "parquet"
    folder.mkdir(exist_ok=True)
    sweep(folder)
    count = math.ceil(len(source.rows) / _SHARD)
    paths = [folder / f"train-{number:05}-of-{count:05}.parquet" for number in range(count)]
    with tqdm(total=len(source.rows), desc="writing Parquet", unit=" objects") as bar:
        for number, path in enumerate(paths):
            rows = range(number * _SHARD, min((number + 1) * _SHARD, len(source.rows)))
            if not path.exists():
                _write(source, rows, path)
            bar.update(len(rows))
    return paths


def push_to_hub(source: PreparedSource, repo: str) -> str:
    """Uploads the Parquet files by datasets' own upload, and returns the address.

    Args:
        source: prepared data whose Parquet files are written.
        repo: "owner/name" of a dataset on the hub; made where there is none. Who uploads is told by `hf auth login` or
            the environment variable HF_TOKEN.

    Raises:
        InputError: the hub cannot be reached, or refuses.
    """
    files = [str(path) for path in sorted((Path(source.root) / "parquet").glob("*.parquet"))]
    rows = load_dataset("parquet", data_files=files, split="train", features=PUBLIC_FEATURES)
    try:
        return str(rows.push_to_hub(repo).repo_url)
    except REFUSALS as error:
        raise InputError(
            f"The upload to {repo!r} failed: {error}. Check the name and the network, and log in with `hf auth login`."
        ) from error


def _write(source: PreparedSource, rows: range, path: Path) -> None:
    with whole(path) as beside, pq.ParquetWriter(beside, _SCHEMA, compression="zstd") as writer:
        for start in range(rows.start, rows.stop, _GROUP):
            group = list(_embedded(source, range(start, min(start + _GROUP, rows.stop))))
            writer.write_table(pa.Table.from_pylist(group, schema=_SCHEMA))


def _embedded(source: PreparedSource, rows: range) -> Iterator[dict[str, object]]:
    for row in rows:
        columns = source.rows[row]
        if columns["image"]["bytes"] is None:
            path = source.picture_path(columns)
            try:
                columns["image"] = {"bytes": path.read_bytes(), "path": columns["image"]["path"]}
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error}. Put it back, or prepare the data again.") from error
        columns["written"] = [asdict(caption) for caption in source.captions.of(columns["id"])] or None
        yield columns
