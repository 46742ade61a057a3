import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from tiny_run import command, flags

from dreaminpainter.cli import main


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demo of four steps, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lambda *words, **_: lines.append(" ".join(map(str, words))))
        shorter = flags({"trainer.log_every_n_steps": 1, "model.num_inference_steps": 2})
        assert command("demo", folder, *shorter, steps=4) == 0
    return folder, "\n".join(lines)


def test_the_gallery_lies_where_the_demo_says(shown) -> None:
    folder, printed = shown
    assert str(folder / "gallery.png") in printed
    gallery = Image.open(folder / "gallery.png")
    assert gallery.width > 500
    assert len(gallery.getcolors(10**6) or range(10**6)) > 500, "hardly anything is drawn"


def test_the_demo_says_how_far_off_its_fills_are_beside_plain_guesses(shown) -> None:
    for label in ("this model", "untrained model", "the scene's mean colour"):
        found = re.search(rf"  {label} +(0\.\d{{3}})\n", shown[1])
        assert found, label
        assert 0.02 < float(found[1]) < 1


def test_the_example_that_the_demo_prints_runs(shown, capsys) -> None:
    printed = shown[1]
    words = shlex.split(printed.partition("dreaminpainter inpaint")[2].partition("\n\n")[0].replace("\\\n", " "))
    assert main(["inpaint", *words, "--num_inference_steps", "2"]) == 0
    filled = Path(words[words.index("--output") + 1])
    assert filled.is_file()
    assert "note:" not in capsys.readouterr().err


def test_a_demo_needs_no_words_to_be_explained(capsys) -> None:
    assert main(["demo", "--help"]) == 0
    assert "gallery" in capsys.readouterr().out
