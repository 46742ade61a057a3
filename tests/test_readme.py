"""The README's commands and its Python, executed as they are written, on the smallest networks."""

import re
import shlex
from pathlib import Path

import pytest
from tiny_run import TINY, command, flags, parsed

from dreaminpainter.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def commands(name: str) -> list[list[str]]:
    """The words behind `dreaminpainter NAME` of every such command."""
    lines = [line for block in blocks("bash") for line in block.replace("\\\n", " ").splitlines()]
    found = [shlex.split(line) for line in lines]
    return [words[2:] for words in found if words[:2] == ["dreaminpainter", name]]


@pytest.fixture(scope="module")
def after_the_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a tiny demo has run, where the README expects what it leaves."""
    folder = tmp_path_factory.mktemp("readme")
    assert command("demo", folder / "runs" / "quickstart", steps=1) == 0
    return folder


@pytest.mark.parametrize("written", commands("fit"), ids=" ".join)
def test_every_training_command_is_understood(written, monkeypatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(ROOT / "examples" / "novel_components")
    if "--model.selector.help" in written:
        with pytest.raises(SystemExit):
            main(["fit", *written])
        assert "tokens to choose" in capsys.readouterr().out
        return
    settings = parsed(*written)
    assert settings["model"]["backbone"]["class_path"].startswith("dreaminpainter.backbones.")


def test_the_first_training_command_trains(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(ROOT)
    shorter = {"trainer.default_root_dir": tmp_path, "trainer.max_steps": 1}
    assert main(["fit", *commands("fit")[0], *TINY, *flags(shorter)]) == 0
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def test_the_inpaint_command_fills(after_the_demo, monkeypatch) -> None:
    monkeypatch.chdir(after_the_demo)
    (written,) = commands("inpaint")
    assert main(["inpaint", *written, "--num_inference_steps", "1"]) == 0
    assert Path("runs/filled.png").is_file() and Path("runs/tokens.png").is_file()


def test_the_python_runs(after_the_demo, monkeypatch) -> None:
    monkeypatch.chdir(after_the_demo)
    (written,) = blocks("python")
    exec(compile(written, "README.md", "exec"), {})  # noqa: S102  the README is our own
    assert (after_the_demo / "runs" / "my-inpainter" / "model_index.json").is_file()


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_every_link_leads_somewhere(target) -> None:
    assert (ROOT / target).exists()


def test_the_commands_of_make_are_its_targets() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"^make ([a-z-]+)", "\n".join(blocks("bash")), flags=re.MULTILINE)
    assert named and set(named) <= set(targets)
