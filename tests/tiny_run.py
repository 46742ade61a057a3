"""The `dreaminpainter` command on the smallest networks and drawn data, called as a function."""

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model

from dreaminpainter.cli import main
from dreaminpainter.commands.training import DreamInpainterCLI, run
from dreaminpainter.configuration import with_configs_found


def flags(settings: dict[str, Any]) -> list[str]:
    """Settings as they are written on a command line."""
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


BACKBONE = {
    "model.init_from": "null",
    "model.backbone.class_path": "TinyBackbone",
    "model.backbone.init_args.autoencoder": "null",
    "model.backbone.init_args.channels": "[32,64]",
    "model.backbone.init_args.text_width": 32,
    "model.backbone.init_args.text_layers": 1,
}
QUIET = {
    "trainer.precision": "32",
    "trainer.accelerator": "cpu",
    "trainer.max_epochs": -1,
    "trainer.enable_progress_bar": "false",
    "trainer.enable_model_summary": "false",
    "pictures.num_inference_steps": 1,
    "pictures.count": 1,
}
DRAWN = {
    f"data.{split}.critters.init_args.{name}": value
    for split, (name, value) in product(
        ("train", "validation", "test"), (("size", 32), ("reference_size", 64), ("supersample", 1))
    )
}
SMALL = {
    # The second block, as in the paper; the tiny UNet's first has no attention for a rollout.
    "model.extractor.init_args.block": 1,
    "model.selector.init_args.k": 4,
    "data.height": 32,
    "data.width": 32,
    "data.reference_size": 64,
    "data.batch_size": 2,
    "data.num_workers": 0,
    "data.validation_samples": 2,
}
TINY = ["--config", "configs/quickstart.yaml", *flags(BACKBONE | QUIET | DRAWN | SMALL)]


def command(name: str, folder: Path, *more: str, steps: int = 2) -> int:
    """Runs a tiny `fit`, `validate`, `test`, `predict` or `demo` in `folder`; returns the exit code."""
    where = {
        "trainer.default_root_dir": folder,
        "predictions.folder": folder / "predictions",
        "trainer.max_steps": steps,
        "trainer.max_time": "null",
    }
    return main([name, *TINY, *flags(where), *more])


def fitted(folder: Path, *more: str, steps: int = 2) -> dict[str, Any]:
    """The checkpoint that a tiny `fit` in `folder` ends with."""
    assert command("fit", folder, *more, steps=steps) == 0
    checkpoint: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint


def instantiated(*arguments: str) -> Any:
    """`model` and `data` as `fit` would make them of these arguments; nothing is run."""
    config = _parser().parse_args(["fit", *with_configs_found(list(arguments))])
    return _parser().instantiate_classes(config).fit


def parsed(*arguments: str) -> dict[str, Any]:
    """The settings that these arguments of `fit` come to, as plain values."""
    settings: dict[str, Any] = _parser().parse_args(["fit", *with_configs_found(list(arguments))]).fit.as_dict()
    return settings


def save_image_encoders(folder: Path) -> dict[str, str]:
    """Writes a tiny `clip` and a tiny `dino` into folders; returns their paths."""
    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 8,
    }
    CLIPVisionModel(CLIPVisionConfig(intermediate_size=64, **shape)).save_pretrained(folder / "clip")
    Dinov2Model(Dinov2Config(mlp_ratio=2, **shape)).save_pretrained(folder / "dino")
    return {name: str(folder / name) for name in ("clip", "dino")}


@cache
def _parser() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DreamInpainterCLI, "fit", lambda self, **_: None, raising=False)
        return run("fit", [*TINY, "--ckpt_path", "null"]).parser
