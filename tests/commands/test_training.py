import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_run import TINY, command, fitted, flags, instantiated, save_image_encoders

from dreaminpainter.checkpoints import load_pipeline, read_checkpoint
from dreaminpainter.cli import main
from dreaminpainter.regularization.plans import main_plan

QUIET = ["--trainer.logger", "false"]

SWAPS = [
    *(("selector", name, {}) for name in ("CosineDistance", "AttentionRollout", "RandomTokens", "AllTokens")),
    ("selector", "CosineDistance", {"k": 3, "subject_only": "true"}),
    *(("extractor", "UNetFeatures", {"block": 0, "weights": kind}) for kind in ("shared", "stopped", "frozen")),
    ("extractor", "CLIPFeatures", {"encoder": "clip"}),
    ("extractor", "DINOFeatures", {"encoder": "dino"}),
    *(("injection", name, {}) for name in ("UpBlocks", "AllBlocks", "DecoupledKeyValues")),
    *(("regularizer", name, {}) for name in ("DecouplingRegularizer", "AddedTermRegularizer", "NoRegularizer")),
    *(("input_form", name, {}) for name in ("Composite", "NineChannel")),
    *(("weighting", name, {}) for name in ("UniformWeighting", "MinSNRWeighting", "VelocityWeighting")),
    ("lr_schedule", "Constant", {"value": 0.5}),
    *(("lr_schedule", name, {"start": 1.0, "end": 0.1, "steps": 5}) for name in ("Linear", "Cosine")),
    ("lr_schedule", "Warmup", {"value": 1.0, "steps": 5}),
]
DATA_SWAPS = [
    *(("mask", name, {}) for name in ("ExactMask", "DilatedMask", "BoxMask", "LooseBoxMask")),
    ("mask", "MixtureMask", {"masks": "[ExactMask, BoxMask]"}),
    *(("captioner", name, {}) for name in ("ClassNameCaptioner", "DatasetCaptioner")),
    *(("augmentation", name, {}) for name in ("NoAugmentation", "FlipRotate")),
]


def swap(group: str, part: str, name: str, settings: dict[str, Any]) -> list[str]:
    arguments = {f"{group}.{part}.init_args.{key}": value for key, value in settings.items()}
    return flags({f"{group}.{part}": name} | arguments)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return save_image_encoders(tmp_path_factory.mktemp("encoders"))


@pytest.mark.parametrize(("part", "name", "settings"), SWAPS)
def test_each_part_of_the_model_is_swapped_by_its_class_name(part, name, settings, encoders) -> None:
    settings = {key: encoders.get(str(value), value) for key, value in settings.items()}
    made = instantiated(*TINY, *swap("model", part, name, settings))
    network = made.model.network
    held = {"selector": network.selector, "extractor": network.extractor, "injection": network.adapter.injector}
    component = held.get(part) or getattr(made.model, part)
    assert type(component).__name__ == name
    for key, value in settings.items():
        assert str(getattr(component, key)).lower() == str(value)
    # It is wired in, not just made: a step has a loss.
    batch = next(iter(made.data.val_dataloader()))
    plan = made.model.regularizer(batch, 0)
    assert made.model(batch, plan)["losses"].isfinite().all()


@pytest.mark.parametrize(("part", "name", "settings"), DATA_SWAPS)
def test_each_part_of_the_data_is_swapped_by_its_class_name(part, name, settings) -> None:
    data = instantiated(*TINY, *swap("data", part, name, settings)).data
    assert type(getattr(data, part)).__name__ == name
    assert len(next(iter(data.train_dataloader()))) == 2


@pytest.mark.parametrize(
    "layers",
    [
        ["--model.selector", "AttentionRollout", "--model.input_form", "NineChannel", "--data.mask", "ExactMask"],
        ["--model.injection", "DecoupledKeyValues", "--config", "regularization/added_term"],
    ],
)
def test_swapped_parts_train_and_are_written_into_the_checkpoint(layers: list[str], tmp_path: Path) -> None:
    checkpoint = fitted(tmp_path, *QUIET, *layers)
    assert checkpoint["global_step"] == 2
    described = json.dumps(checkpoint["model"])
    for name in layers[1::2]:
        if "/" not in name and name != "ExactMask":
            assert f'.{name}"' in described


def scalars(folder: Path) -> dict[str, list[float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [one.value for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_everything_of_a_run_lies_in_its_folder(run_folder: Path) -> None:
    found = {path.relative_to(run_folder).parts[0] for path in run_folder.rglob("*")}
    assert found == {"checkpoints", "logs"}
    assert (run_folder / "logs" / "config.yaml").is_file()
    assert [path.name for path in (run_folder / "checkpoints").iterdir()] == ["last.ckpt"]


def test_what_a_config_or_flag_sets_to_null_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("ema", "losses", "nonfinite", "pictures", "predictions")
    (tmp_path / "none.yaml").write_text("".join(f"{name}: null\n" for name in names[:3]))
    without = [*TINY, "--config", str(tmp_path / "none.yaml"), "--pictures", "null", "--predictions=null"]
    without += ["--trainer.default_root_dir", str(tmp_path / "run")]
    assert main(["fit", *without, "--trainer.max_steps", "2", "--trainer.max_time", "null", "--ckpt_path", "null"]) == 0
    assert "ema" not in read_checkpoint(str(tmp_path / "run" / "checkpoints" / "last.ckpt"))["callbacks"]
    assert not (tmp_path / "run" / "pictures").exists()
    written = yaml.safe_load((tmp_path / "run" / "logs" / "config.yaml").read_text())
    assert {name: written[name] for name in names} == dict.fromkeys(names), "and the same config again is the same run"
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    told = capsys.readouterr().out
    assert f"checkpoint: {tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}\n" in told
    assert all(f"none: `--{name} null`, or" in " ".join(told.split()) for name in names)


def test_a_run_says_what_it_goes_on_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", *TINY, "--trainer.default_root_dir", str(tmp_path), "--trainer.max_time", "null"]
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert main([*words, "--trainer.max_steps", "1"]) == 0
    told = capsys.readouterr().err
    assert "going on" not in told and "begins anew" not in told
    assert main([*words, "--trainer.max_steps", "2"]) == 0
    told = capsys.readouterr().err
    assert f"going on from step 1 of {last}" in told and "trainer.max_steps: 1 -> 2" in told
    assert main([*words, "--trainer.max_steps", "1", "--ckpt_path", "null"]) == 0
    assert f"begins anew, and replaces {last}" in capsys.readouterr().err
    assert read_checkpoint(str(last))["global_step"] == 1


def test_a_checkpoint_says_what_it_came_from(checkpoint: str) -> None:
    read = read_checkpoint(checkpoint)
    told = read["provenance"]
    assert "TinyBackbone" in told["config"]
    assert told["step"] == read["global_step"] == 2
    assert {"torch", "dreaminpainter"} <= told["versions"].keys()
    assert len(told["data"]) == 32
    assert read["callbacks"]["ema"]["updates"] == 2
    assert "hyper_parameters" not in read, "with --ckpt_path they would win over configs and flags, silently"


def test_what_is_logged_has_the_documented_names(tmp_path: Path) -> None:
    more = flags({"trainer.log_every_n_steps": 1, "trainer.val_check_interval": 4, "pictures.every_n_steps": 2})
    fitted(tmp_path, *more, steps=4)
    logged = scalars(tmp_path / "logs")
    assert {"train/loss", "train/regularization", "train/images_per_second", "train/truncated_texts"} <= logged.keys()
    assert {"val/loss_main", "val/loss_regularization"} <= logged.keys()
    assert {"lr-AdamW/unet", "lr-AdamW/adapter", "lr-AdamW/text_encoder"} <= logged.keys()
    assert any(name.startswith("train/loss_t") for name in logged)
    assert len(logged["train/loss"]) == 4
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"step_000002.png", "step_000004.png"}


@pytest.mark.parametrize(
    "end", [["--trainer.max_steps", "3"], ["--trainer.max_steps", "-1", "--trainer.max_epochs", "1"]]
)
def test_the_last_checkpoint_is_of_the_last_step_also_after_an_earlier_validation(
    end: list[str], tmp_path: Path
) -> None:
    more = flags({"trainer.val_check_interval": 2, "data.samples_per_epoch": 6})
    assert fitted(tmp_path, *QUIET, *more, *end)["global_step"] == 3


class Soon(Callback):
    """Asks for the end of training after the first step, as `max_time` does."""

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        trainer.should_stop = True


def test_the_last_checkpoint_is_written_where_the_time_is_up(tmp_path: Path) -> None:
    more = ["--trainer.callbacks", f"{__name__}.Soon", "--trainer.val_check_interval", "1"]
    checkpoint = fitted(tmp_path, *QUIET, *more, steps=50)
    assert checkpoint["global_step"] == 1
    assert checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] == 0, "the epoch is not over"


def test_a_run_that_goes_on_replaces_its_last_checkpoint(tmp_path: Path) -> None:
    validating = ["--trainer.val_check_interval", "1", "--pictures.every_n_steps", "9"]
    fitted(tmp_path, *QUIET, *validating, steps=1)
    assert fitted(tmp_path, *QUIET, *validating, steps=2)["global_step"] == 2
    assert [path.name for path in (tmp_path / "checkpoints").glob("last*")] == ["last.ckpt"]


@pytest.mark.parametrize(("name", "stage"), [("validate", "val"), ("test", "test")])
def test_a_checkpoint_is_evaluated_on_its_averaged_weights(
    name: str, stage: str, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(checkpoint).stat().st_mtime_ns
    assert command(name, tmp_path, "--ckpt_path", checkpoint) == 0
    printed = capsys.readouterr().out
    assert f"{stage}/loss_main" in printed
    assert f"{stage}/loss_regularization" in printed
    # The data of that stage, through the pipeline's parts with the averaged weights, gives the same number.
    made = instantiated(*TINY)
    weights = read_checkpoint(checkpoint)
    made.model.load_state_dict(weights["state_dict"] | weights["callbacks"]["ema"]["weights"])
    made.model.eval()
    loader = made.data.val_dataloader() if name == "validate" else made.data.test_dataloader()
    (batch,) = loader
    with torch.no_grad():
        expected = float(made.model(batch, main_plan(batch))["losses"].mean())
    told = re.search(rf"{stage}/loss_main\W+([\d.]+)", printed)
    assert told is not None and float(told[1]) == pytest.approx(expected, rel=1e-4)
    assert Path(checkpoint).stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == [
        f"{'validation' if stage == 'val' else 'test'}.png"
    ]


def test_predict_writes_the_fills_and_what_they_were_asked_to_be(checkpoint: str, tmp_path: Path, recwarn) -> None:
    assert command("predict", tmp_path, "--ckpt_path", checkpoint, "--data.validation_samples", "3", *QUIET) == 0
    folder = tmp_path / "predictions"
    records = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    assert len(records) == 3
    for record in records:
        assert Image.open(folder / record["file"]).size == (32, 32)
        assert record["source"] == "critters"
        assert "critter" in record["prompt"]
    assert len(list(folder.glob("*.png"))) == 3
    assert not [one for one in recwarn if "batch indices" in str(one.message)]


def test_a_warm_start_takes_weights_and_leaves_settings(checkpoint: str, tmp_path: Path) -> None:
    more = [
        "--model.init_from",
        checkpoint,
        "--model.learning_rates",
        "{unet: 0.0}",
        "--model.selector.init_args.k",
        "6",
    ]
    after = fitted(tmp_path, *QUIET, *more)
    averaged = load_pipeline(checkpoint).unet.state_dict()
    for name, value in averaged.items():
        assert torch.equal(after["state_dict"][f"network.unet.{name}"], value), name
    assert after["global_step"] == 2, "it starts at step 0"
    assert after["model"]["adapter"]["selector"]["init_args"]["k"] == 6


def test_flags_win_over_what_a_checkpoint_was_trained_with(checkpoint: str, tmp_path: Path) -> None:
    after = fitted(tmp_path, *QUIET, "--ckpt_path", checkpoint, "--model.text_dropout", "0.7", steps=3)
    assert after["global_step"] == 3
    assert "text_dropout: 0.7" in after["provenance"]["config"]
