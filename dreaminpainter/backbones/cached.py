"""A UNet alone, trained on what its encoders made beforehand."""

from typing import Any

from transformers import CLIPTextConfig

from dreaminpainter.backbones.base import Backbone, PredictionType
from dreaminpainter.backbones.pretrained import PretrainedBackbone
from dreaminpainter.cached_encoders import CachedTextEncoder, UnloadedAutoencoder


class CachedBackbone(PretrainedBackbone):
    """A UNet with its weights, and no encoders: latents and texts were cached, so they need no memory in training.

    `prepare --cache_latents CONFIG` with a config that names it writes both. What it trains is filled with afterwards,
    with the encoders of the source.

    Args:
        source: name on the hub, or path of a folder in diffusers' layout.
        texts: the file of cached texts, read and written.
        revision: branch, tag or commit on the hub.
        prediction_type: what the UNet predicts; None keeps what the source says.
        zero_terminal_snr: rescale the noise schedule to end in pure noise; not with epsilon.
    """

    def __init__(
        self,
        source: str,
        texts: str,
        revision: str | None = None,
        prediction_type: PredictionType | None = None,
        zero_terminal_snr: bool = False,
    ) -> None:
        super().__init__(source, revision, prediction_type, zero_terminal_snr)
        self.texts = texts

    def complete(self) -> Backbone:
        return PretrainedBackbone(self.source, self.revision, self.prediction_type, self.zero_terminal_snr)

    def _load(self, kind: Any, folder: str) -> Any:
        if folder == "vae":
            return UnloadedAutoencoder(kind.load_config(self.source, revision=self.revision, subfolder=folder))
        if folder == "text_encoder":
            config = CLIPTextConfig.from_pretrained(self.source, revision=self.revision, subfolder=folder)
            return CachedTextEncoder(config, self.texts)
        return super()._load(kind, folder)
