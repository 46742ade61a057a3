"""The wheel: everything that the package needs, and nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import dreaminpainter

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built without a network from a copy of the tree, so that the checkout stays clean."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in ("dreaminpainter", "configs", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, tree],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return zipfile.ZipFile(next(out.glob("*.whl")))


def files(folder: str, pattern: str = "**/*") -> set[str]:
    """The files of the tree below `folder`, as the wheel should name them."""
    found = (path for path in (ROOT / folder).glob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_wheel_holds_the_package_and_the_configs_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    configs = {f"dreaminpainter/{name}" for name in files("configs", "**/*.yaml")}
    assert configs, "configs/ holds no YAML file"
    assert "dreaminpainter/py.typed" in shipped
    expected = files("dreaminpainter") | configs
    assert shipped == expected, (
        f"missing: {sorted(expected - shipped)}, unexpected: {sorted(shipped - expected)}. Packages and package data "
        "are listed in pyproject.toml under tool.setuptools."
    )


def test_wheel_names_its_version_licence_and_command(wheel: zipfile.ZipFile) -> None:
    info = f"dreaminpainter-{dreaminpainter.__version__}.dist-info"
    metadata = HeaderParser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert metadata["Name"] == "dreaminpainter"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Apache License" in wheel.read(f"{info}/licenses/LICENSE").decode()
    assert "dreaminpainter = dreaminpainter.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_installed_wheel_finds_its_own_configs(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    found = subprocess.run(
        [sys.executable, "-c", "from dreaminpainter.configuration import config_folder; print(config_folder())"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).resolve() == (tmp_path / "dreaminpainter" / "configs").resolve()


def test_installed_wheel_fills_a_hole_with_the_weights_that_it_holds(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    example = ROOT / "docs" / "images" / "examples" / "1"
    pictures = [f"--{name}_image={example / name}.png" for name in ("mask", "reference")]
    given = [f"--image={example / 'scene.png'}", *pictures, "--prompt=a critter waves", "--num_inference_steps=1"]
    filled = subprocess.run(
        [sys.executable, "-m", "dreaminpainter", "inpaint", *given],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert filled.returncode == 0, filled.stderr
    assert (tmp_path / "filled.png").is_file()


def test_checkout_finds_the_top_level_configs() -> None:
    from dreaminpainter.configuration import config_folder

    assert config_folder().resolve() == ROOT / "configs"
