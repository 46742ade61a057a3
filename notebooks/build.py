"""`python -m notebooks.build`: executes every notebook's text source and writes the .ipynb beside it.

A source is a Python file in jupytext's percent format whose name begins with a number. It is executed in a kernel of
the Python that runs this, in an empty folder, on drawn pictures alone: what is committed shows nobody's photographs,
no time and no path of a machine.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

FOLDER = Path(__file__).parent
_KERNELS = str(Path(sys.prefix) / "share" / "jupyter" / "kernels")
"""Those of this Python; a user's own folder may hold another Python's under the same name."""
PHOTOGRAPHS = ("COCO_ROOT", "DREAMINPAINTER_TEST_DATA")
"""Environment variables by which notebooks find photographs."""
_QUIET = {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore:IProgress"}
"""Progress bars tell times, and how they look is no business of the notebook."""


def sources() -> list[Path]:
    """The text sources of all notebooks, in order."""
    return sorted(FOLDER.glob("[0-9]*.py"))


def read(source: Path) -> NotebookNode:
    """The notebook of a text source, without outputs."""
    notebook = jupytext.read(source, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"  # drawn at random otherwise
        cell.metadata = NotebookNode()
    return notebook


def executed(source: Path) -> NotebookNode:
    """The notebook of a text source with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
    """
    notebook = read(source)
    environment = {name: value for name, value in os.environ.items() if name not in PHOTOGRAPHS} | _QUIET
    with TemporaryDirectory() as empty:
        client = NotebookClient(
            notebook,
            timeout=None,
            record_timing=False,
            coalesce_streams=True,  # how many pieces a print arrives in is a matter of chance
            resources={"metadata": {"path": empty}},
            config=Config(KernelSpecManager={"kernel_dirs": [_KERNELS]}),
        )
        client.execute(env=environment)
    notebook.metadata.language_info = NotebookNode(name="python")
    return notebook


def build() -> None:
    """Writes all notebooks."""
    for source in sources():
        target = source.with_suffix(".ipynb")
        nbformat.write(executed(source), target)
        print(f"{target.name}: {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    build()
