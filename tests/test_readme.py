"""The README's commands and its Python, executed as they are written, on the smallest networks."""

import re
import shlex
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_blip import save_blip
from tiny_run import BACKBONE, QUIET, SMALL, TINY, fitted, flags, parsed

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.cli import main
from dreaminpainter.data.store import PreparedSource

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def commands(name: str) -> list[list[str]]:
    """The words behind `dreaminpainter NAME` of every such command."""
    lines = [line for block in blocks("bash") for line in block.replace("\\\n", " ").splitlines()]
    found = [shlex.split(line, comments=True) for line in lines]
    return [words[2:] for words in found if words[:2] == ["dreaminpainter", name]]


@pytest.fixture
def beside_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder in which the README's pictures are where it names them."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    rates = "{unet: 1e-3, adapter: 1e-3, text_encoder: 1e-3, supervision: 1e-3}"
    shorter = {"trainer.default_root_dir": tmp_path, "trainer.max_steps": 1, "model.learning_rates": rates}
    assert main(["fit", *commands("fit")[0], *TINY, *flags(shorter)]) == 0
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def test_the_inpaint_command_makes_a_panel_of_the_picture(beside_the_docs) -> None:
    written = commands("inpaint")[0]
    assert "--checkpoint" not in written, "the model in the box is what it shows"
    assert main(["inpaint", *written]) == 0
    given = dict(zip(written[::2], written[1::2], strict=True))
    shown = Path(given["--image"]).with_name("filled.png")
    made, expected = (np.asarray(Image.open(path), dtype=float) for path in (given["--output"], shown))
    assert made.shape == expected.shape
    # The last bits of float32 differ between processors.
    assert np.abs(made - expected).mean() < 1
    assert Path(given["--explain"]).is_file()


def test_the_serve_command_opens_the_page_of_the_model_in_the_box(monkeypatch) -> None:
    (written,) = commands("serve")
    opened = []

    class Stub(AbstractContextManager):
        """A page that nobody waits for."""

        url = ""

        def __init__(self, pipeline, *settings) -> None:
            opened.append(settings)

        def __exit__(self, *exception) -> None:
            pass

        def wait(self) -> None:
            pass

    monkeypatch.setattr("dreaminpainter.app.server.Server", Stub)
    assert main(["serve", *written]) == 0
    assert opened == [("critters", "127.0.0.1", 7860)]


def save_photographs(folder: Path, names: list[str]) -> None:
    """Squares on plain grounds, each with its mask."""
    folder.mkdir()
    for number, name in enumerate(names):
        pixels = np.full((64, 64, 3), 25 * number, np.uint8)
        pixels[16:48, 16:48] = (200, 30 * number, 60)
        mask = np.zeros((64, 64), np.uint8)
        mask[16:48, 16:48] = 255
        Image.fromarray(pixels).save(folder / f"{name}.png")
        Image.fromarray(mask).save(folder / f"{name}_mask.png")


def test_ones_own_photographs_are_prepared_captioned_examined_and_trained_on(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    save_photographs(Path("my-photographs"), [str(number) for number in range(8)])
    prepare, (caption,), (doctor,) = commands("prepare")[0], commands("caption"), commands("doctor")
    assert main(["prepare", *prepare]) == 0
    # BLIP itself would have to be downloaded.
    assert main(["caption", *caption, "--captioner.model", save_blip(tmp_path / "blip"), "--accelerator", "cpu"]) == 0
    assert main(["doctor", *doctor]) == 0
    assert Path("runs/doctor/report.html").is_file()
    assert main(["caption-export", "data/mine", "captions.csv"]) == 0
    assert main(["caption-import", "data/mine", "captions.csv"]) == 0
    assert "captions changed or added: 0" in capsys.readouterr().out
    settings = next(words for words in commands("fit") if "configs/data/prepared.yaml" in words)
    source = PreparedSource(settings[settings.index("--data.train.mine.init_args.root") + 1])
    assert len(source) == 8 and {caption.of for caption in source[0].written} == {"picture", "object"}
    # With so few pictures too, one of them is held out for validation.
    shorter = {"trainer.default_root_dir": "runs/mine", "trainer.max_steps": 1}
    assert main(["fit", *settings, *flags(BACKBONE | QUIET | SMALL | shorter)]) == 0
    assert Path("runs/mine/checkpoints/last.ckpt").is_file()


def test_a_subject_is_taught_by_three_commands(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_photographs(Path("my-dog"), ["sofa", "beach"])
    prepare = next(words for words in commands("prepare") if "my-dog" in words)
    fit = next(words for words in commands("fit") if "configs/finetune.yaml" in words)
    inpaint = next(words for words in commands("inpaint") if "my-dog/beach.jpg" in words)
    inpaint = [word.replace(".jpg", ".png") for word in inpaint]
    assert main(["prepare", *prepare]) == 0
    shorter = {"trainer.max_steps": 3, "trainer.enable_progress_bar": "false", "data.batch_size": 2}
    assert main(["fit", *fit, *flags(shorter)]) == 0
    assert main(["inpaint", *inpaint, "--num_inference_steps", "2"]) == 0
    given = dict(zip(inpaint[::2], inpaint[1::2], strict=True))
    assert Path(given["--checkpoint"]).stat().st_size < 2e6
    filled, scene = (np.asarray(Image.open(given[name]).convert("RGB")) for name in ("--output", "--image"))
    hole = np.asarray(Image.open(given["--mask_image"])) > 0
    assert (filled == scene)[~hole].all() and (filled != scene)[hole].any()


def test_the_python_runs(beside_the_docs) -> None:
    (written,) = blocks("python")
    exec(compile(written, "README.md", "exec"), {})  # noqa: S102  the README is our own
    assert (beside_the_docs / "filled.png").is_file()
    assert (beside_the_docs / "my-inpainter" / "model_index.json").is_file()


def test_what_is_exported_can_be_filled_with(tmp_path, monkeypatch) -> None:
    (written,) = commands("export")
    monkeypatch.chdir(ROOT)
    fitted(tmp_path / Path(written[0]).parents[1], steps=1)
    monkeypatch.chdir(tmp_path)
    assert main(["export", *written]) == 0
    assert DreamInpainterPipeline.from_pretrained(written[1]).adapter.config.reference_size == 64
    assert "license: apache-2.0" in Path(written[1], "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_every_link_leads_somewhere(target) -> None:
    assert (ROOT / target).exists()


def test_the_commands_of_make_are_its_targets() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"^make ([a-z-]+)", "\n".join(blocks("bash")), flags=re.MULTILINE)
    assert named and set(named) <= set(targets)
