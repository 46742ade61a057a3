"""The scaffold keeps its own promises: pins, reasons, targets, imports."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dreaminpainter.portable import TRANSFORMERS

ROOT = Path(__file__).parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def requirements() -> list[str]:
    """What is declared, but for the package's own extras, which name what is declared already."""
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    return [line for line in PROJECT["dependencies"] + extras if not line.startswith(PROJECT["name"])]


def direct_dependencies() -> list[Requirement]:
    return [Requirement(line) for line in requirements()]


def names_of(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert not [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin)], "only name==version"
    versions = dict(pin.split("==") for pin in pins)
    assert list(versions) == sorted(versions)
    assert len(versions) == len(pins), "a name stands twice"
    return versions


def test_each_dependency_is_pinned_within_its_range() -> None:
    pins = constraints()
    for requirement in direct_dependencies():
        version = pins[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"constraints.txt has {version}, pyproject.toml wants {requirement}"


def test_the_lowest_transformers_is_the_one_that_is_asked_for_at_run_time() -> None:
    (requirement,) = [one for one in direct_dependencies() if one.name == "transformers"]
    assert str(requirement.specifier) == f">={TRANSFORMERS}"


def test_constraints_leave_out_what_other_platforms_do_not_have() -> None:
    assert not [name for name in constraints() if name == "triton" or name.startswith(("nvidia-", "cuda-"))]


def test_each_dependency_says_why() -> None:
    for requirement in requirements():
        assert re.search(rf'^ *"{re.escape(requirement)}", +# \w.+$', PYPROJECT, re.MULTILINE), requirement


def test_the_package_imports_only_what_it_declares() -> None:
    # The web page needs an extra of its own.
    extras = {"app": names_of(PROJECT["optional-dependencies"]["app"])}
    homes = packages_distributions()
    undeclared = set()
    for path in (ROOT / "dreaminpainter").rglob("*.py"):
        folder = path.relative_to(ROOT / "dreaminpainter").parts[0]
        declared = names_of(PROJECT["dependencies"]) | extras.get(folder, set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            else:
                continue
            for top in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"dreaminpainter"}:
                if declared.isdisjoint(canonicalize_name(home) for home in homes.get(top, [])):
                    undeclared.add((path.relative_to(ROOT).as_posix(), top))
    assert not undeclared


def test_setup_cfg_is_a_stub() -> None:
    lines = (ROOT / "setup.cfg").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == []


@pytest.mark.parametrize(
    "code", ["import dreaminpainter", "from dreaminpainter.cli import main; main(['--help'])"], ids=["import", "help"]
)
def test_import_and_help_load_nothing_heavy(code: str) -> None:
    heavy = ("torch", "lightning", "diffusers", "transformers", "jsonargparse", "gradio")
    code = f"import sys; {code}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_worked_example_in_contributing_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    namespace: dict[str, object] = {"__name__": "my_parts"}
    for block in blocks:
        exec(block, namespace)  # noqa: S102  our own page


@needs_make
def test_make_alone_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    for target in phony[1].split():
        assert re.search(rf"^  make {target} +\w", shown, re.MULTILINE), f"make help does not tell of {target}"


@needs_make
def test_make_refuses_an_old_python_and_names_the_fix(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")  # what an old Python answers when it is asked whether it is new enough
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "test", f"PYTHON={old}"], capture_output=True, text=True, check=False, cwd=tmp_path, env=plain_make()
    )
    assert done.returncode != 0
    assert "Python 3.11 or newer" in done.stderr
    assert "make test PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_calls_what_a_contributor_calls() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    for command in ("make lint", "make test", "make demo"):
        assert command in script.read_text()


def plain_make() -> dict[str, str]:
    """The environment without what a `make test` around this run hands down to its children."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "PYTHON")}
