"""Checkpoints, whose archive is whole but whose description of what is in it is not."""

import pickle
from functools import cache
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import torch
from hypothesis import strategies as st

from benchmarks.hostile.mutation import damaged
from benchmarks.hostile.trying import Parser
from dreaminpainter.checkpoints import read_checkpoint


class _Command:
    """What a pickle would run when it is read by one that trusts it."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('a checkpoint ran code')",)


@cache
def _valid() -> dict[str, bytes]:
    file = BytesIO()
    torch.save({"model": {"parts": {}}, "state_dict": {"a": torch.ones(3)}, "global_step": 2}, file)
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _read(folder: Path, content: bytes) -> None:
    with ZipFile(folder / "last.ckpt", "w") as archive:
        for name, data in _valid().items():
            archive.writestr(name, content if name.endswith("data.pkl") else data)
    read_checkpoint(str(folder / "last.ckpt"))


@st.composite
def _pickles(draw: st.DrawFn) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return pickle.dumps({"model": _Command()}, protocol=2)
    return draw(damaged(next(data for name, data in _valid().items() if name.endswith("data.pkl"))))


CHECKPOINTS = (Parser("checkpoints", _pickles(), _read),)
