"""The notebooks: text and executed file are the same, and what is written runs."""

import base64
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from PIL import Image

from notebooks.build import executed, read, sources

SOURCES = sources()
EXECUTED = [nbformat.read(source.with_suffix(".ipynb"), as_version=4) for source in SOURCES]
AGAIN = "Make it anew: python -m notebooks.build"
every_source = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])
every_notebook = pytest.mark.parametrize("notebook", EXECUTED, ids=[source.stem for source in SOURCES])


def cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def kinds(notebook: NotebookNode) -> list[list[str]]:
    """What kind of outputs each cell has."""
    return [[output.get("name", output.output_type) for output in cell.get("outputs", [])] for cell in notebook.cells]


def test_there_are_notebooks() -> None:
    names = [source.stem for source in SOURCES]
    assert {"01_data", "02_token_selection", "03_regularization", "04_ablation", "05_your_subject"} <= set(names)


@every_source
def test_the_executed_notebook_is_the_text_source(source: Path) -> None:
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert cells(notebook) == cells(read(source)), AGAIN
    nbformat.validate(notebook)


@every_notebook
def test_every_cell_was_executed_once_and_in_order(notebook: NotebookNode) -> None:
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), AGAIN
    assert {output.output_type for output in outputs(notebook)} <= {"stream", "execute_result"}
    assert {output.get("name", "stdout") for output in outputs(notebook)} == {"stdout"}, (
        "a warning is among the outputs"
    )


@every_source
def test_the_executed_notebook_is_small_and_tells_nothing_of_the_machine(source: Path) -> None:
    path = source.with_suffix(".ipynb")
    assert path.stat().st_size < 1_500_000
    notebook = nbformat.read(path, as_version=4)
    assert {frozenset(cell.metadata) for cell in notebook.cells} == {frozenset()}, "timings, or settings of an editor"
    assert notebook.metadata.language_info == {"name": "python"}
    text = "\n".join(output.text for output in outputs(notebook) if output.output_type == "stream")
    assert not re.search(r"(^|[\s'\"(])(/|[A-Z]:\\)\w", text), "a path of a machine"
    assert not re.search(r"\bit/s|\d\d:\d\d|0x[0-9a-f]{6}", text), "a time or an address"


@every_notebook
def test_its_pictures_are_small_and_not_blank(notebook: NotebookNode) -> None:
    pictures = [
        base64.b64decode(output.data["image/png"])
        for output in outputs(notebook)
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 5
    for data in pictures:
        assert len(data) <= 100_000
        colours = Image.open(BytesIO(data)).convert("RGB").getcolors(maxcolors=1_000_000)
        assert colours is not None and len(colours) > 20  # few points on white axes have some forty


@pytest.mark.slow
@every_source
def test_executing_anew_gives_outputs_of_the_same_kinds_and_leaves_nothing_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    committed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert kinds(executed(source)) == kinds(committed), AGAIN
    assert not list(tmp_path.glob("tmp*"))


@pytest.mark.slow
@every_source
def test_a_source_runs_on_photographs_as_a_script(source: Path, tmp_path: Path, test_data: Path) -> None:
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    variables = os.environ | {"DREAMINPAINTER_TEST_DATA": str(test_data), "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run(
        [sys.executable, source], capture_output=True, text=True, check=False, cwd=tmp_path / "here", env=variables
    )
    assert done.returncode == 0, done.stderr
    if "DREAMINPAINTER_TEST_DATA" in source.read_text(encoding="utf-8"):
        assert "CocoSource" in done.stdout
    assert not list((tmp_path / "here").iterdir())
    assert not list((tmp_path / "temporary").glob("tmp*"))
