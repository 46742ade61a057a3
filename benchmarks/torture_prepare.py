"""A preparation to be killed: drawn critters, read by two processes."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import torch
from datasets import load_from_disk

from benchmarks.killing import Struck
from dreaminpainter.cli import main

_COUNT = 2000
"""Objects, which make ten parts."""


class Preparation:
    """A preparation of 2000 drawn critters, with Parquet."""

    name = "preparation"

    def run(self, folder: Path, tell: Callable[[str], None]) -> int:
        """Starts the preparation, or goes on with it."""
        torch.set_num_threads(1)
        tell("it")
        words = ["--source.size", "32", "--source.reference_size", "64", "--source.count", str(_COUNT)]
        more = ["--source.supersample", "1", "--num_workers", "2", "--parquet", "true"]
        return main(["prepare", "CrittersSource", *words, *more, "--output", str(folder / "out")])

    def check(self, struck: Struck) -> None:
        """It ended by itself, and well."""
        assert struck.code == 0, struck.output and struck.output.read_text(encoding="utf-8")

    def assert_same(self, one: Path, other: Path) -> None:
        """Both have the same rows, manifest and report of what was left out, and nothing that is half-written."""
        left, right = one / "out", other / "out"
        names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in (left, right)]
        assert names[0] == names[1]
        assert load_from_disk(str(left / "objects")).data.table.equals(
            load_from_disk(str(right / "objects")).data.table
        )
        for path in left.rglob("*.parquet"):
            assert pq.read_table(path).equals(pq.read_table(right / path.relative_to(left))), path
        manifests = [json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in (left, right)]
        assert manifests[0] == manifests[1]
