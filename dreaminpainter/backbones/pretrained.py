"""Networks of the hub or of a folder, with their weights or without."""

from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel

from dreaminpainter.backbones.base import Backbone, PredictionType
from dreaminpainter.errors import MissingFileError
from dreaminpainter.hub import UNREACHABLE
from dreaminpainter.parts import Parts, autoencoder_class
from dreaminpainter.unet import SubjectUNet


class PretrainedBackbone(Backbone):
    """Networks with their weights, from the hub or from a folder in diffusers' layout.

    Args:
        source: name on the hub, or path of the folder.
        revision: branch, tag or commit on the hub.
        prediction_type: what the UNet predicts; None keeps what the source says.
        zero_terminal_snr: rescale the noise schedule to end in pure noise; not with epsilon.
    """

    def __init__(
        self,
        source: str,
        revision: str | None = None,
        prediction_type: PredictionType | None = None,
        zero_terminal_snr: bool = False,
    ) -> None:
        super().__init__(prediction_type, zero_terminal_snr)
        self.source = source
        self.revision = revision

    def parts(self) -> Parts:
        try:
            config = AutoencoderKL.load_config(self.source, revision=self.revision, subfolder="vae")
            return Parts(
                vae=self._load(autoencoder_class(config["_class_name"]), "vae"),
                unet=self._load(SubjectUNet, "unet"),
                text_encoder=self._load(CLIPTextModel, "text_encoder"),
                tokenizer=self._load(AutoTokenizer, "tokenizer"),
                scheduler=self._load(DDPMScheduler, "scheduler"),
            )
        except UNREACHABLE as error:
            raise MissingFileError(
                f"The backbone {self.source!r} is neither a folder that diffusers wrote nor reachable on the hub. Give "
                "such a folder's path (--model.backbone.init_args.source), download it where there is a network, or "
                "try everything without a download with the class TinyBackbone."
            ) from error

    def _load(self, kind: Any, folder: str) -> Any:
        # What trains is float32, whatever a folder holds; tokenizer and schedule have no numbers to convert.
        precision = {"dtype": torch.float32} if issubclass(kind, torch.nn.Module) else {}
        return kind.from_pretrained(self.source, revision=self.revision, subfolder=folder, **precision)


class RandomBackbone(PretrainedBackbone):
    """The architecture that a folder or hub repository describes, with random weights.

    Args:
        source: name on the hub, or path of a folder in diffusers' layout; its weights are not read.
        revision: branch, tag or commit on the hub.
        prediction_type: what the UNet predicts; None keeps what the source says.
        zero_terminal_snr: rescale the noise schedule to end in pure noise; not with epsilon.
    """

    def _load(self, kind: Any, folder: str) -> Any:
        if folder == "text_encoder":
            return kind(CLIPTextConfig.from_pretrained(self.source, revision=self.revision, subfolder=folder))
        if folder == "tokenizer":
            return super()._load(kind, folder)
        return kind.from_config(kind.load_config(self.source, revision=self.revision, subfolder=folder))
