"""The networks that the method is built upon: autoencoder, UNet, text encoder, tokenizer, noise schedule.

By name from the hub, from a folder that diffusers wrote, from an architecture without weights, or tiny ones of the same
classes: one code path for all.
"""

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, DDPMScheduler
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel

from dreaminpainter.autoencoder import SpaceToDepth
from dreaminpainter.cached_encoders import CachedTextEncoder, UnloadedAutoencoder
from dreaminpainter.components import Component
from dreaminpainter.encoding import latent_width
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.input_forms import InputForm
from dreaminpainter.parts import Parts, autoencoder_class, autoencoder_name, read_autoencoder
from dreaminpainter.tokenizer import word_tokenizer
from dreaminpainter.unet import SubjectUNet, adopt, widen
from dreaminpainter.vocabulary import WORDS

PredictionType = Literal["epsilon", "v_prediction", "sample"]


class Backbone(Component, ABC):
    """Builds the networks.

    Args:
        prediction_type: what the UNet predicts; None keeps what the source's scheduler says.
        zero_terminal_snr: rescale the noise schedule so that its last step is pure noise (Lin et al. 2023); not with
            epsilon.
    """

    def __init__(self, prediction_type: PredictionType | None = None, zero_terminal_snr: bool = False) -> None:
        self.prediction_type = prediction_type
        self.zero_terminal_snr = zero_terminal_snr

    @abstractmethod
    def parts(self) -> Parts:
        """The networks as their source has them."""

    def complete(self) -> "Backbone":
        """The same with all of its networks, to fill with; this one itself where it has them."""
        return self

    def build(self, form: InputForm) -> Parts:
        """The networks, their UNet widened to the channels of `form` and their noise schedule as set.

        Raises:
            SettingError: settings that contradict each other or the source.
            MissingFileError: the source is neither a folder nor reachable.
        """
        parts = self.parts()
        adopt(parts.unet)
        autoencoder_class(autoencoder_name(parts.vae))
        found, latent = parts.unet.config.in_channels, parts.unet.config.out_channels
        wanted = form.channels(latent)
        if wanted not in (latent + 1, 2 * latent + 1):
            raise SettingError(
                f"{type(form).__name__} gives {wanted} channels from {latent} of the latents. A reference can be "
                f"read where that is {latent + 1} (with a mask) or {2 * latent + 1} (with mask and scene)."
            )
        if found not in (latent, wanted):
            raise SettingError(
                f"The backbone's UNet takes {found} channels and {type(form).__name__} gives {wanted}. It was trained "
                "with another input form: set model.input_form to that one, or take a backbone that is not made for "
                "inpainting."
            )
        widen(parts.unet, wanted)
        parts.scheduler = self._noise_schedule(parts.scheduler.config)
        return parts

    def _noise_schedule(self, config: Any) -> DDPMScheduler:
        prediction = self.prediction_type or config.prediction_type
        if not self.zero_terminal_snr:
            return DDPMScheduler.from_config(config, prediction_type=prediction)
        if prediction == "epsilon":
            raise SettingError(
                "zero_terminal_snr=true leaves nothing to predict noise from at the last step. Set "
                "prediction_type: v_prediction with it."
            )
        return DDPMScheduler.from_config(
            config, prediction_type=prediction, rescale_betas_zero_snr=True, timestep_spacing="trailing"
        )


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
        except OSError as error:
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


class StableDiffusion15(PretrainedBackbone):
    """Stable Diffusion 1.5: 860 M parameters in the UNet, 512 px, latents 64 x 64.

    Args:
        weights: load the published weights; false builds the same architecture at random, which needs no download and
            reads text with a small tokenizer of our own.
        source: where the published weights are, on the hub or in a folder.
        revision: branch, tag or commit on the hub.
        prediction_type: what the UNet predicts; None keeps the published epsilon.
        zero_terminal_snr: rescale the noise schedule to end in pure noise; not with epsilon.
    """

    def __init__(
        self,
        weights: bool = True,
        source: str = "stable-diffusion-v1-5/stable-diffusion-v1-5",
        revision: str | None = None,
        prediction_type: PredictionType | None = None,
        zero_terminal_snr: bool = False,
    ) -> None:
        super().__init__(source, revision, prediction_type, zero_terminal_snr)
        self.weights = weights

    def parts(self) -> Parts:
        if self.weights:
            return super().parts()
        unet = SubjectUNet(
            sample_size=64,
            in_channels=4,
            out_channels=4,
            block_out_channels=(320, 640, 1280, 1280),
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=2,
            cross_attention_dim=768,
            attention_head_dim=8,
        )
        vae = AutoencoderKL(
            sample_size=512,
            latent_channels=4,
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            scaling_factor=0.18215,
        )
        tokenizer = word_tokenizer(WORDS, max_length=77)
        text = CLIPTextConfig(
            vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
        )
        return Parts(vae, unet, CLIPTextModel(text), tokenizer, _stable_diffusion_schedule())


class TinyBackbone(Backbone):
    """Random networks of the same classes, small enough for a laptop.

    The up stack has attention at every size, since that is where the subject's tokens come in; the down stack has it
    from `attention_from` on, since at the size that a reference has in the first block it takes most of the time.

    Args:
        channels: width of each UNet block; multiples of 32.
        layers_per_block: residual layers a block.
        attention_from: the first of the down blocks that have attention, from 0. A reference that is read at a block
            without it knows its surroundings alone, no other part of the subject.
        latent_factor: pixels to the side of a latent cell of the lossless `SpaceToDepth`.
        autoencoder: a trained autoencoder in place of that: folder in diffusers' layout, or a packaged model's name.
        text_width: width of the text encoder.
        text_layers: layers of the text encoder.
        text_length: tokens that the text encoder reads.
        prediction_type: what the UNet predicts.
        zero_terminal_snr: rescale the noise schedule to end in pure noise; not with epsilon.

    Example:
        >>> from dreaminpainter.input_forms import Composite
        >>> parts = TinyBackbone(channels=[32, 64]).build(Composite())
        >>> parts.unet.config.in_channels
        49
    """

    def __init__(
        self,
        channels: list[int] | None = None,
        layers_per_block: int = 1,
        attention_from: int = 1,
        latent_factor: int = 4,
        autoencoder: str | None = None,
        text_width: int = 96,
        text_layers: int = 2,
        text_length: int = 40,
        prediction_type: PredictionType = "v_prediction",
        zero_terminal_snr: bool = False,
    ) -> None:
        super().__init__(prediction_type, zero_terminal_snr)
        self.channels = channels or [64, 96, 128]
        self.layers_per_block = layers_per_block
        self.attention_from = attention_from
        self.latent_factor = latent_factor
        self.autoencoder = autoencoder
        self.text_width = text_width
        self.text_layers = text_layers
        self.text_length = text_length

    def parts(self) -> Parts:
        vae = SpaceToDepth(self.latent_factor) if self.autoencoder is None else read_autoencoder(self.autoencoder)
        latent_channels = latent_width(vae)
        plain, count = self.attention_from, len(self.channels)
        if not 0 <= plain < count:
            raise SettingError(f"attention_from is {plain}; of {count} blocks give one from 0 to {count - 1}.")
        unet = SubjectUNet(
            sample_size=16,
            in_channels=latent_channels,
            out_channels=latent_channels,
            block_out_channels=tuple(self.channels),
            down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",) * (count - plain),
            up_block_types=("CrossAttnUpBlock2D",) * count,
            layers_per_block=self.layers_per_block,
            cross_attention_dim=self.text_width,
            # The argument's name is wrong in diffusers: for this class it is the number of heads.
            attention_head_dim=[max(1, width // 32) for width in self.channels],
            norm_num_groups=16,
        )
        tokenizer = word_tokenizer(WORDS, self.text_length)
        text = CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.text_width,
            intermediate_size=4 * self.text_width,
            num_hidden_layers=self.text_layers,
            num_attention_heads=max(1, self.text_width // 32),
            max_position_embeddings=self.text_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        return Parts(vae, unet, CLIPTextModel(text), tokenizer, _stable_diffusion_schedule())


def _stable_diffusion_schedule() -> DDPMScheduler:
    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        steps_offset=1,
    )
