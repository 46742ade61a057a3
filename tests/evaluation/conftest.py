from pathlib import Path

import pytest
from evaluations import evaluation
from fills import case_set

from dreaminpainter.evaluation.cases import CaseSet
from dreaminpainter.evaluation.rows import Row


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    return case_set(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def through(cases: CaseSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    """Where an evaluation ran through, and its rows."""
    folder = tmp_path_factory.mktemp("through")
    return folder, evaluation(folder, cases).run()
