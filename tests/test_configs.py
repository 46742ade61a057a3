"""Every config that ships can be made into what it describes."""

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_run import BACKBONE, DRAWN, SMALL, flags, instantiated, parsed, save_image_encoders

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.cli import main
from dreaminpainter.commands.forecast import Expected
from dreaminpainter.components import Component
from dreaminpainter.configuration import config_folder
from dreaminpainter.data import sources
from dreaminpainter.data.critters.attributes import IDENTITY, TEXT, VALUES
from dreaminpainter.data.sources import CocoSource
from dreaminpainter.evaluation.cases import CrittersCases

CONFIGS = sorted(path.relative_to(config_folder()).as_posix() for path in config_folder().rglob("*.yaml"))
# Those of other commands than fit have their own tests: tests/commands/test_ablate.py and test_evaluate.py.
OTHER_COMMANDS = [name for name in CONFIGS if name.startswith(("ablations/", "evaluation/"))]
MEMORY = [name for name in CONFIGS if name.startswith("memory/")]
NO_LAYERS = ("data/", "sources/", *MEMORY, *OTHER_COMMANDS)
LAYERS = [name for name in CONFIGS if "/" in name and not name.startswith(NO_LAYERS)]
SOURCES = [name for name in CONFIGS if name.startswith("sources/")]
DATA = {name: value for name, value in SMALL.items() if name.startswith("data.")}


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return save_image_encoders(tmp_path_factory.mktemp("encoders"))


def content(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((config_folder() / name).read_text())
    return loaded


def parts_of(model: Any) -> dict[str, Any]:
    """The components of a model by the name of their setting."""
    network = model.network
    held = {"extractor": network.extractor, "selector": network.selector, "injection": network.adapter.injector}
    names = ("backbone", "regularizer", "input_form", "lr_schedule", "weighting")
    return held | {name: getattr(model, name) for name in names}


def assert_as_said(component: Any, said: Any) -> None:
    if isinstance(component, list):
        for one, value in zip(component, said, strict=True):
            assert_as_said(one, value)
    elif not isinstance(component, Component):
        assert component == said
    else:
        said = {"class_path": said} if isinstance(said, str) else said
        assert type(component).__name__ == said["class_path"]
        for name, value in said.get("init_args", {}).items():
            assert_as_said(getattr(component, name), value)


def arguments(said: Any) -> Any:
    """Names of a component's arguments that are not null, nested as its components are."""
    if isinstance(said, list):
        return [arguments(one) for one in said]
    given = said.get("init_args") or {} if isinstance(said, dict) and "class_path" in said else {}
    return {name: arguments(value) for name, value in given.items() if value is not None}


def test_every_config_is_tested_here() -> None:
    others = {
        "finetune.yaml",
        "quickstart.yaml",
        "critters.yaml",
        "critters_small.yaml",
        "sd15.yaml",
        "sd15_inpaint.yaml",
        "data/coco.yaml",
        "data/merged.yaml",
        "data/prepared.yaml",
    }
    assert set(CONFIGS) == set(LAYERS) | set(MEMORY) | set(SOURCES) | set(OTHER_COMMANDS) | others
    assert {name.split("/")[0] for name in LAYERS} == {
        "features",
        "injection",
        "masks",
        "references",
        "regularization",
        "selection",
    }


@pytest.mark.parametrize("name", ["quickstart", "critters"])
def test_a_config_of_critters_is_what_it_says(name: str) -> None:
    made, said = instantiated("--config", name), content(f"{name}.yaml")
    for part, component in parts_of(made.model).items():
        if part in said["model"]:
            assert_as_said(component, said["model"][part])
    for split in ("train", "validation", "test"):
        assert_as_said(getattr(made.data, split)["critters"], said["data"][split]["critters"])
    batch = next(iter(made.data.val_dataloader()))
    assert batch.image.shape == (said["data"]["batch_size"], 3, said["data"]["height"], said["data"]["width"])


SAMPLING = ("num_inference_steps", "guidance_scale", "reference_scale")


@pytest.mark.parametrize("name", ["quickstart", "finetune"])
def test_what_goes_on_from_the_model_that_ships_is_of_its_parts(name: str) -> None:
    """Were they of different parts, its weights could not be gone on with."""
    going_on, shipped = content(f"{name}.yaml")["model"], content("critters.yaml")["model"]
    for part in ("backbone", "extractor", "selector", "injection", "input_form", "weighting", "reference_dropout"):
        assert going_on[part] == shipped[part], part
    for setting in SAMPLING:
        assert going_on[setting] == shipped[setting], setting


def test_the_model_that_ships_is_sampled_as_its_config_says() -> None:
    said, packaged = content("critters.yaml"), load_pipeline("critters").adapter.config
    assert {name: packaged[name] for name in SAMPLING} == {name: said["model"][name] for name in SAMPLING}
    assert list(packaged.image_size) == [said["data"]["height"], said["data"]["width"]]
    assert packaged.reference_size == said["data"]["reference_size"] == CrittersCases().reference_size
    assert CrittersCases().size == said["data"]["height"], "cases are of the size of what they are for"


def test_the_small_model_is_the_shipped_one_but_smaller() -> None:
    small = instantiated("--config", "critters", "--config", "critters_small")
    large = instantiated("--config", "critters")
    sizes = [sum(one.numel() for one in made.model.network.parameters()) for made in (small, large)]
    assert sizes[0] < 1e6 < 5e6 < sizes[1]
    for part, component in parts_of(small.model).items():
        if part not in ("weighting", "lr_schedule"):
            assert type(component) is type(parts_of(large.model)[part]), part


def test_the_shipped_model_is_taught_all_that_is_known_of_a_drawing() -> None:
    supervision = instantiated("--config", "critters").model.supervision
    assert supervision.tokens == {name: list(VALUES[name]) for name in IDENTITY}
    assert supervision.states == {name: list(VALUES[name]) for name in (*IDENTITY, *TEXT)}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_makes_of_the_quickstart_what_it_says(name: str, encoders: dict[str, str]) -> None:
    said = {"model": {}, "data": {}} | content(name)
    encoder = next((folder for kind, folder in encoders.items() if kind in Path(name).stem), None)
    more = []
    if encoder is not None:
        said["model"]["extractor"]["init_args"]["encoder"] = encoder
        more = ["--model.extractor.init_args.encoder", encoder]
    made = instantiated("--config", "quickstart", "--config", f"configs/{name}", *flags(BACKBONE | DRAWN | DATA), *more)
    for part, value in said["model"].items():
        assert_as_said(parts_of(made.model)[part], value)
    for part, value in said["data"].items():
        assert_as_said(getattr(made.data, part), value)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_sets_every_argument_of_its_classes(name: str) -> None:
    """Arguments of the layer below would leak into a class that has one of the same name."""
    settings = parsed("--config", "quickstart", "--config", f"configs/{name}")
    for section, parts in content(name).items():
        for part, said in parts.items():
            assert arguments(said) == arguments(settings[section][part])


@pytest.mark.parametrize("name", SOURCES)
def test_a_config_of_a_source_sets_every_argument_and_is_understood(name: str, capsys) -> None:
    said = content(name)
    assert set(said["init_args"]) == set(signature(getattr(sources, said["class_path"])).parameters)
    with pytest.raises(SystemExit) as ended:
        main(["prepare", name.removesuffix(".yaml"), "--output", "somewhere", "--print_config"])
    assert ended.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)["source"]
    assert printed["class_path"].endswith(said["class_path"])
    assert printed["init_args"]["root"] == said["init_args"]["root"]


@pytest.mark.parametrize("name", ["prepared", "merged"])
def test_a_config_of_prepared_data_holds_a_share_out(name: str) -> None:
    made, said = (
        instantiated("--config", "sd15", "--config", f"configs/data/{name}.yaml", *flags(BACKBONE)),
        content(f"data/{name}.yaml")["data"],
    )
    assert set(made.data.train) == set(made.data.validation) == set(said["train"])
    for source_name, source in made.data.train.items():
        assert (source.side, source.division.share) == ("train", said["validation_share"])
        assert_as_said(source.source, said["train"][source_name])
    assert made.data.weights == said.get("weights")
    assert_as_said(made.data.captioner, said["captioner"])


@pytest.mark.parametrize(("name", "channels"), [("sd15.yaml", 5), ("sd15_inpaint.yaml", 9)])
def test_without_weights_the_architecture_is_stable_diffusion_1_5(name: str, channels: int) -> None:
    layers = ["--config", f"configs/{name}", "--config", "configs/data/coco.yaml"]
    with torch.device("meta"):
        made = instantiated(*layers, "--model.backbone.init_args.weights", "false")
    unet, said = made.model.network.unet, content(name)["model"]
    widening = (channels - 4) * 320 * 3 * 3
    assert unet.config.in_channels == channels
    assert sum(parameter.numel() for parameter in unet.parameters()) == 859_520_964 + widening
    for part in ("extractor", "selector", "injection", "regularizer", "input_form", "lr_schedule"):
        assert_as_said(parts_of(made.model)[part], said[part])
    assert made.model.network.adapter.config.image_size == (512, 512)
    trained = {
        parameter_name.split(".")[0] for parameter_name, one in made.model.named_parameters() if one.requires_grad
    }
    assert trained == {"network"}, "the text encoder stays frozen"
    source = made.data.train["coco"]
    assert isinstance(source, CocoSource)
    assert (source.split, made.data.validation["coco"].split) == ("train2017", "val2017")
    for part in ("mask", "captioner"):
        assert type(getattr(made.data, part)).__name__ == content("data/coco.yaml")["data"][part]["class_path"]


@pytest.mark.parametrize(
    ("name", "parts", "trained"),
    [
        ("8gb", {"lora", "conv_in", "adapter"}, 3.70e6),
        ("16gb", {"lora", "cross_attention", "conv_in", "adapter"}, 47.7e6),
        ("24gb", {"unet", "adapter"}, 860e6),
        ("80gb", {"unet", "adapter"}, 860e6),
    ],
)
def test_a_memory_preset_trains_what_it_says(name: str, parts: set[str], trained: float) -> None:
    said = content(f"memory/{name}.yaml")
    layers = [word for layer in ("sd15", "data/prepared", f"memory/{name}") for word in ("--config", layer)]
    settings = parsed(*layers)
    for part, value in said["model"].items():
        if part in ("lora", "backbone") and value is not None:
            assert arguments(value) == arguments(settings["model"][part]), "of the layer below"
        else:
            assert settings["model"][part] == value
    assert settings["data"]["batch_size"] * settings["trainer"]["accumulate_grad_batches"] in (16, 64)
    random = {"model.backbone": "StableDiffusion15", "model.backbone.init_args.weights": "false"}
    with torch.device("meta"):
        model = instantiated(*layers, *flags(random)).model
    expected = Expected.of(model, said.get("ema", "there is one") is not None)
    assert set(expected.trained) == parts and all(expected.trained.values())
    assert sum(expected.trained.values()) == pytest.approx(trained, rel=0.02)
    assert expected.total < 1e9 * float(name.removesuffix("gb")), "and the activations come on top"
