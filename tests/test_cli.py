import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tiny_run import TINY, command

from dreaminpainter import __version__
from dreaminpainter.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_lists_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    for name, (_, text) in COMMANDS.items():
        assert f"\n  {name} " in printed
        assert text in printed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("given", "told"),
    [("fti", "Did you mean 'fit'?"), ("vaildate", "'validate'"), ("xyz", "See dreaminpainter --help")],
)
def test_an_unknown_command_is_answered_with_a_near_one(
    given: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([given, "--config", "x"]) == 2
    printed = capsys.readouterr().err
    assert repr(given) in printed
    assert told in printed


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"demo", "doctor"}))
def test_a_wrong_flag_is_answered_by_itself_and_not_with_every_setting(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--promt", "x"]) == 2
    printed = capsys.readouterr().err
    assert "All settings: dreaminpainter " + name + " --help" in printed
    assert "usage:" not in printed and len(printed) < 300


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([name, "--help"])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    assert code == 0
    assert len(capsys.readouterr().out) > 200


def test_the_help_of_a_component_comes_from_its_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--model.selector.help", "CosineDistance"])
    assert not stopped.value.code
    printed = " ".join(capsys.readouterr().out.split())
    assert "least similarity from all tokens (eq. 3-4)" in printed
    assert "--model.selector.k K how many tokens to choose" in printed
    assert "default: 24" in printed


def test_the_help_of_fit_explains_every_setting_of_model_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "share of texts replaced by the empty one, for classifier-free guidance" in printed
    assert "share of each training source, relative to each other" in printed
    for name in ("NineChannel", "AddedTermRegularizer", "MixtureMask", "CocoSource", "MinSNRWeighting", "FlipRotate"):
        assert name in printed, f"{name} cannot be named without its module"


def test_print_config_shows_what_layers_and_flags_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(
            [
                *(
                    "fit",
                    "--config",
                    "quickstart",
                    "--config=selection/random",
                    "--config",
                    "configs/injection/decoupled",
                ),
                *("--model.selector.init_args.k", "7", "--print_config"),
            ]
        )
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["model"]["selector"]["class_path"].endswith(".RandomTokens")
    assert config["model"]["selector"]["init_args"]["k"] == 7
    assert config["model"]["injection"]["class_path"].endswith(".DecoupledKeyValues")
    assert config["data"]["reference_size"] == 128
    assert config["trainer"]["default_root_dir"] == "runs/quickstart"


def failed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command that must fail as a user's error does."""
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    assert printed.count("error: ") == 1
    return printed.partition("error: ")[2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model:\n  selectr: AllTokens\n", ["model.selectr", "mine.yaml", "Did you mean model.selector?"]),
        ("modle:\n  selector: AllTokens\n", ["modle.selector", "mine.yaml", "Did you mean model.selector?"]),
        ("model:\n  selector: CosinDistance\n", ["CosinDistance", "mine.yaml", "Did you mean CosineDistance?"]),
        (
            "model:\n  selector:\n    class_path: CosineDistance\n    init_args: {kk: 3}\n",
            ["'kk' is not accepted", "CosineDistance", "mine.yaml"],
        ),
        ("data:\n  batch_size: many\n", ["data.batch_size", "many", "int"]),
        ("data: [\n", ["mine.yaml", "parsing"]),
    ],
)
def test_a_wrong_config_is_told_with_file_value_and_what_may_be_meant(
    text: str, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    message = failed(["fit", *TINY, "--config", str(tmp_path / "mine.yaml")], capsys)
    assert all(part in message for part in told), message
    assert "dreaminpainter fit --help" in message


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--data.validatoin_samples", "4"], ["Did you mean data.validation_samples?"]),
        (["--config", "quickstrat.yaml"], ["'quickstrat.yaml'", "quickstart.yaml", "selection/cosine.yaml"]),
        (["--ckpt_path", "no/such.ckpt"], ["no/such.ckpt", "the newest as last.ckpt"]),
        (["--model.init_from", "no/such.ckpt"], ["no/such.ckpt"]),
        (["--data.train.critters.init_args.size", "4"], ["size is 4", "16 or more"]),
        (["--data.batch_size", "0"], ["data.batch_size is 0", "1 or more"]),
        (["--trainer.max_steps", "-5"], ["max_steps", "-5"]),
        (["--model.learning_rates", "{unets: 0.1}"], ["'unets'", "unet, cross_attention, "]),
        (["--seed_everything", "-1"], ["seed_everything is -1", "0 to 4294967295"]),
        (["--model.selector.init_args.k", "65"], ["k is 65", "Set k to 64 or less"]),
    ],
)
def test_a_wrong_setting_is_told_with_its_value_and_the_fix(
    flags: list[str], told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = failed(["fit", *TINY, "--trainer.default_root_dir", str(tmp_path), *flags], capsys)
    assert all(part in message for part in told), message


@pytest.mark.parametrize("name", ["validate", "test", "predict"])
def test_there_is_no_evaluation_of_a_last_checkpoint_that_is_not_there(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = failed([name, *TINY, "--trainer.default_root_dir", str(tmp_path), "--ckpt_path", "last"], capsys)
    assert str(tmp_path / "checkpoints" / "last.ckpt") in message


@pytest.fixture
def broken_picture(tmp_path: Path) -> list[str]:
    """Flags that train on COCO with one picture, which is damaged."""
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    (root / "mine").mkdir()
    Image.new("RGB", (80, 60)).save(root / "mine" / "broken.png")
    whole = (root / "mine" / "broken.png").read_bytes()
    (root / "mine" / "broken.png").write_bytes(whole[: len(whole) // 2])
    outline = {"image_id": 1, "category_id": 1, "segmentation": [[10, 10, 50, 10, 50, 50, 10, 50]]}
    annotations = {
        "images": [{"id": 1, "file_name": "broken.png", "width": 80, "height": 60}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": number, **outline} for number in (1, 2)],
    }
    (root / "annotations" / "instances_mine.json").write_text(json.dumps(annotations))
    return ["--data.train", f"{{coco: {{class_path: CocoSource, init_args: {{root: {root}, split: mine}}}}}}"]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_loader_worker_is_told_as_one_outside(
    workers: int, broken_picture: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--data.num_workers", str(workers), "--data.captioner", "ClassNameCaptioner"]
    assert command("fit", tmp_path, *broken_picture, *more) == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    (message,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert message.startswith(f"error: {tmp_path / 'coco' / 'mine' / 'broken.png'} cannot be used as scene")
    assert "DataLoader worker" not in message


def test_the_stack_trace_is_shown_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMINPAINTER_DEBUG", "1")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        main(["fit", "--config", "nowhere.yaml"])


def test_a_first_run_says_nothing_that_its_user_cannot_act_on(tmp_path: Path) -> None:
    where = ["--trainer.default_root_dir", str(tmp_path), "--trainer.max_steps", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "dreaminpainter", "fit", *TINY, *where],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"checkpoint: {tmp_path / 'checkpoints' / 'last.ckpt'}\n"
    known = ("Seed set to", "GPU available", "TPU available", "note: trains ", "`Trainer.fit` stopped")
    assert [line for line in done.stderr.splitlines() if not line.startswith(known)] == []
