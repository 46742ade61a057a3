"""What a training with LoRA has learned, as one small file: to be put upon the networks that it started from.

It is a safetensors file. Low-rank matrices are called as diffusers calls them (`unet.….to_q.lora_A.weight`); beside
them lies whatever else trained, the adapter above all. Its metadata tells, as JSON under `dreaminpainter`, the rank and
targets, the adapter's config, what the training started from, and a hash of the weights that it started with.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.atomic import whole
from dreaminpainter.components import describe, make
from dreaminpainter.encoding import weights_identity
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.lora import LoRA, merge, plain_name, plain_names

SUFFIX = ".lora.safetensors"
_KEY = "dreaminpainter"


@dataclass
class LoRAFile:
    """The content of such a file.

    Args:
        weights: what was trained, by `unet.…`, `adapter.…` and `text_encoder.…`; all of the adapter, trained or not.
        about: `lora`, `adapter`, `backbone` and `init_from` as settings, `base` as `base_identity` tells it.
    """

    weights: dict[str, Tensor]
    about: dict[str, Any]

    def of(self, part: str) -> dict[str, Tensor]:
        """The weights of `unet`, `adapter` or `text_encoder`, by their names in it."""
        return {name.removeprefix(f"{part}."): value for name, value in self.weights.items() if name.startswith(part)}

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        metadata = {"format": "pt", _KEY: json.dumps(self.about)}
        with whole(path) as beside:
            # Not by safetensors' own writing, after which nobody else may read the file.
            beside.write_bytes(save({name: value.contiguous() for name, value in self.weights.items()}, metadata))

    def put_upon(self, unet: Any, text_encoder: Any, adapter: SubjectAdapter, name: str) -> SubjectAdapter:
        """Adds what was trained to the weights of the networks, in place.

        Args:
            unet: as it was when the training began.
            text_encoder: likewise.
            adapter: likewise; it is not changed.
            name: what messages call the file.

        Returns:
            The adapter that belongs to them.

        Raises:
            SettingError: the UNet is not the one that the training began with.
        """
        own = self.of("unet")
        if base_identity(unet.state_dict(), own) != self.about["base"]:
            raise SettingError(
                f"{name} was not trained upon this UNet: its architecture or weights differ. Load it upon what it "
                f"started from, {_started_from(self.about)}, in float32 or bfloat16."
            )
        trained: SubjectAdapter = SubjectAdapter(**self.about["adapter"])
        if trained.reference_encoder is not None:
            # It never trains: that of the model begun with, or a copy of its UNet.
            source = (adapter.reference_encoder or unet).state_dict()
            encoder = trained.reference_encoder
            encoder.load_state_dict({key: source[key] for key in encoder.state_dict()})
        trained.load_state_dict(trained.state_dict() | self.of("adapter"))
        text_encoder.load_state_dict(text_encoder.state_dict() | self.of("text_encoder"))
        make(self.about["lora"], LoRA).attach(unet)
        unet.load_state_dict({key: own.get(short, value) for key, short, value in _named(unet)})
        merge(unet)
        trained.to(unet.device)
        if unet.dtype != trained.dtype:
            trained.to(unet.dtype)
        return trained


def read_lora(path: str) -> LoRAFile:
    """The file at `path`; nothing but tensors and texts is ever loaded.

    Raises:
        MissingFileError: there is none.
        InputError: it is none of ours.
    """
    if not Path(path).is_file():
        raise MissingFileError(
            f"There is no file {path}. Training with model.lora writes RUN/checkpoints/last{SUFFIX}."
        )
    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get(_KEY)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dict
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}. Name a file that training wrote.") from error
    if about is None:
        raise InputError(
            f"{path} does not tell what it was trained upon, so it is no LoRA of this package. Name a file that "
            "training with model.lora wrote."
        )
    return LoRAFile(weights, json.loads(about))


def describe_lora(module: Any) -> dict[str, Any]:
    """What a checkpoint of a DreamInpainter with LoRA has to tell, for its small file and for `load_pipeline`."""
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    return {
        "settings": describe(module.lora),
        "backbone": describe(module.backbone.complete()),
        "init_from": module.init_from,
        "trained": [plain_name(name).removeprefix("network.") for name in trained],
    }


def base_identity(unet: dict[str, Tensor], changed: dict[str, Tensor]) -> str:
    """Tells whether two UNets are the same but for the weights that were trained: a hash of the others."""
    base = {name: value for name, value in plain_names(unet).items() if name not in changed and ".lora_" not in name}
    return weights_identity("UNet", base)


def _named(unet: torch.nn.Module) -> list[tuple[str, str, Tensor]]:
    """Each weight of a UNet with LoRA: its name there, its name in files, and its value."""
    weights = unet.state_dict()
    return list(zip(weights, plain_names(weights), weights.values(), strict=True))


def _started_from(about: dict[str, Any]) -> str:
    backbone = about["backbone"]
    return str(about["init_from"] or backbone["init_args"].get("source") or backbone["class_path"])
