from pathlib import Path

import pytest

from dreaminpainter.configuration import config_folder, find_config, with_configs_found
from dreaminpainter.errors import MissingFileError


@pytest.mark.parametrize(
    "name", ["configs/selection/cosine.yaml", "selection/cosine.yaml", "selection/cosine", "configs/selection/cosine"]
)
def test_a_packaged_config_is_found_from_any_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == config_folder() / "selection" / "cosine.yaml"


@pytest.mark.parametrize("name", ["configs/quickstart.yaml", "quickstart.yaml"])
def test_a_file_of_ones_own_wins_over_a_packaged_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    assert find_config(name) == Path(name)


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("")
    assert find_config(str(file)) == file


def test_inside_a_wheel_the_configs_lie_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreaminpainter.configuration._HERE", tmp_path / "dreaminpainter")
    assert config_folder() == tmp_path / "configs"
    (tmp_path / "dreaminpainter" / "configs").mkdir(parents=True)
    assert config_folder() == tmp_path / "dreaminpainter" / "configs"


@pytest.mark.parametrize("name", ["quickstrat.yaml", "configs", "../pyproject", "/no/such/file.yaml", ""])
def test_a_config_that_is_nowhere_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(MissingFileError) as caught:
        find_config(name)
    assert repr(name) in str(caught.value)
    assert "quickstart.yaml" in str(caught.value)
    assert "selection/cosine.yaml" in str(caught.value)


def test_a_config_that_is_misspelled_is_answered_with_a_near_one() -> None:
    with pytest.raises(MissingFileError, match=r"\nDid you mean quickstart\.yaml\?$"):
        find_config("configs/quickstrat.yaml")
    with pytest.raises(MissingFileError, match=r"\nDid you mean selection/random\.yaml\?$"):
        find_config("selection/randon")


def test_configs_are_replaced_however_they_are_written_and_all_else_is_kept() -> None:
    folder = config_folder()
    given = [
        "--config",
        "quickstart",
        "--config=selection/random",
        "-c",
        "sd15",
        "--x.config",
        "sd15",
        "--y",
        "quickstart",
    ]
    assert with_configs_found(given) == [
        *("--config", str(folder / "quickstart.yaml")),
        *("--config", str(folder / "selection" / "random.yaml")),
        *("--config", str(folder / "sd15.yaml")),
        *("--x.config", "sd15", "--y", "quickstart"),
    ]


def test_a_config_without_a_value_is_left_to_the_parser() -> None:
    assert with_configs_found(["--config"]) == ["--config"]
