"""What training wrote, read back: as a pipeline to sample from, or as weights."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from diffusers import DDIMScheduler
from torch import Tensor, nn

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.backbones import Backbone
from dreaminpainter.checkpoint_failures import DAMAGE
from dreaminpainter.components import make
from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.features import FeatureExtractor
from dreaminpainter.injection import Injection
from dreaminpainter.input_forms import InputForm
from dreaminpainter.lora import LoRA, merge
from dreaminpainter.lora_files import read_lora
from dreaminpainter.parts import make_parts
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.pretrained import packaged
from dreaminpainter.selection import TokenSelector
from dreaminpainter.sharded_files import is_divided, read_folder

_DECISIVE = (".safetensors", ".bin", ".distcp", ".pt", ".json")
"""How weight files end: of diffusers and transformers newer and older ones, of a divided checkpoint parts and rest."""
OF_TRAINING = "supervision."
"""How names of weights begin that are of no use but in training, and no part of the model."""


def load_pipeline(path: str) -> DreamInpainterPipeline:
    """The pipeline of a training checkpoint, with its averaged weights where it has them, or of an exported folder.

    Args:
        path: the checkpoint's file, the small one that training with LoRA writes, the folder, or `critters` for the
            model that comes with the package.

    Raises:
        MissingFileError: there is neither.
        InputError: the file is no checkpoint of this package.
    """
    path = packaged(path)
    if Path(path).is_dir() and not is_divided(Path(path)):
        return DreamInpainterPipeline.from_pretrained(path)
    return lora_pipeline(path) if path.endswith(".safetensors") else trained_pipeline(read_checkpoint(path))


def trained_pipeline(checkpoint: dict[str, Any]) -> DreamInpainterPipeline:
    """The pipeline of a checkpoint that was read, its averaged weights where it has them, its LoRA merged."""
    pipeline = untrained_pipeline(checkpoint)
    lora = checkpoint["model"].get("lora")
    if lora is not None:
        make(lora["settings"], LoRA).attach(pipeline.unet)
    trained = _trained_parts(pipeline)
    encoders = trained.state_dict() if "encoders" in checkpoint["model"] else {}
    kept = {name: value for name, value in encoders.items() if not name.startswith("network.")}
    trained.load_state_dict(kept | averaged(checkpoint))
    if lora is not None:
        merge(pipeline.unet)
    return pipeline


def lora_pipeline(path: str) -> DreamInpainterPipeline:
    """The pipeline of the small file that training with LoRA writes, upon what that training started from.

    Raises:
        MissingFileError: there is no such file, or what it started from is not there.
        SettingError: what it started from has changed.
    """
    about = read_lora(path).about
    if about["init_from"] is not None:
        pipeline = load_pipeline(about["init_from"])
    else:
        form = make(about["adapter"]["input_form"], InputForm)
        parts = make(about["backbone"], Backbone).build(form)
        sampler = DDIMScheduler.from_config(parts.scheduler.config)
        adapter = SubjectAdapter.around(
            parts.unet,
            make(about["adapter"]["extractor"], FeatureExtractor),
            make(about["adapter"]["selector"], TokenSelector),
            make(about["adapter"]["injection"], Injection),
            form,
        )
        pipeline = DreamInpainterPipeline(parts.vae, parts.text_encoder, parts.tokenizer, parts.unet, sampler, adapter)
    pipeline.load_lora(path)
    return pipeline


def state_of(path: str) -> list[str]:
    """What tells whether the model at `path` is still the same: its files with sizes and times, configs among them."""
    place = Path(packaged(path))
    files = sorted(file for file in place.rglob("*") if file.suffix in _DECISIVE) if place.is_dir() else [place]
    return [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files if file.is_file()]


def untrained_pipeline(checkpoint: dict[str, Any]) -> DreamInpainterPipeline:
    """The pipeline that a checkpoint describes, with random weights in all but its autoencoder, which never trains."""
    model = checkpoint["model"]
    parts = make_parts(model["parts"])
    weights = checkpoint["state_dict"].items()
    if "encoders" in model:  # they were not loaded in training
        source = make(model["encoders"], Backbone).parts()
        parts.vae, parts.text_encoder = source.vae, source.text_encoder
    else:
        vae = {name.removeprefix("vae."): value for name, value in weights if name.startswith("vae.")}
        parts.vae.load_state_dict(vae)
    sampler = DDIMScheduler.from_config(parts.scheduler.config)
    adapter = SubjectAdapter(**model["adapter"])
    vae, text_encoder = parts.vae.eval(), parts.text_encoder.eval()
    return DreamInpainterPipeline(vae, text_encoder, parts.tokenizer, parts.unet, sampler, adapter)


def weights_of(path: str) -> dict[str, Tensor]:
    """The weights of a checkpoint or folder under the LightningModule's names: averaged, and with LoRA merged.

    Raises:
        MissingFileError: there is neither.
        InputError: the file is no checkpoint of this package.
    """
    path = packaged(path)
    is_checkpoint = not Path(path).is_dir() or is_divided(Path(path))
    if is_checkpoint and not path.endswith(".safetensors"):
        checkpoint = read_checkpoint(path)
        if checkpoint["model"].get("lora") is None:
            return averaged(checkpoint)
    weights: dict[str, Tensor] = _trained_parts(load_pipeline(path)).state_dict()
    return weights


def read_checkpoint(path: str, weights: bool = True) -> dict[str, Any]:
    """What Lightning saved, tensors on the CPU; nothing but tensors and plain values is ever loaded.

    Tensors stay in the file until they are used. Those of a folder that several processes wrote are put together,
    unless `weights` is False; the optimizer's state is left out.

    Raises:
        MissingFileError: there is no such file.
        InputError: the file is no checkpoint of this package.
    """
    if is_divided(Path(path)):
        return _of_a_model(read_folder(Path(path), weights), path)
    if not Path(path).is_file():
        raise MissingFileError(
            f"There is no checkpoint {path}. Training writes them to RUN/checkpoints/, the newest as last.ckpt."
        )
    try:
        ZipFile(path).close()  # on what is no archive, torch fails in many ways
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except DAMAGE as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint: it is damaged, none at all, or holds more than tensors and plain "
            "values. Name a file that training wrote."
        ) from error
    return _of_a_model(checkpoint, path)


def _of_a_model(checkpoint: Any, path: str) -> dict[str, Any]:
    if not isinstance(checkpoint, dict) or "model" not in checkpoint:
        raise InputError(
            f"{path} is no checkpoint of a DreamInpainter: it does not say what model it holds. Name a file that "
            "training wrote, or an exported folder."
        )
    own: dict[str, Any] = checkpoint
    return own


def _trained_parts(pipeline: DreamInpainterPipeline) -> nn.ModuleDict:
    """The pipeline's networks under the names that they have in the LightningModule."""
    return nn.ModuleDict({"vae": pipeline.vae, "text_encoder": pipeline.text_encoder, "network": pipeline.network})


def averaged(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of the model, with those that the moving average holds in place of the raw ones."""
    weights: dict[str, Tensor] = dict(checkpoint["state_dict"])
    average = checkpoint.get("callbacks", {}).get("ema", {}).get("weights", {})
    weights |= {name: value.to(weights[name].dtype) for name, value in average.items()}
    return {name: value for name, value in weights.items() if not name.startswith(OF_TRAINING)}
