from pathlib import Path

import pytest
from tiny_run import fitted


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny run of two steps; tests read it only."""
    folder = tmp_path_factory.mktemp("run")
    fitted(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(run_folder: Path) -> str:
    return str(run_folder / "checkpoints" / "last.ckpt")
