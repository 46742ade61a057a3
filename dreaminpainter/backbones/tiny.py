"""Random networks for a laptop, of the classes that the large ones have."""

from transformers import CLIPTextConfig, CLIPTextModel

from dreaminpainter.autoencoder import SpaceToDepth
from dreaminpainter.backbones.base import Backbone, PredictionType
from dreaminpainter.backbones.stable_diffusion import stable_diffusion_schedule
from dreaminpainter.encoding import latent_width
from dreaminpainter.errors import SettingError
from dreaminpainter.parts import Parts, read_autoencoder
from dreaminpainter.tokenizer import word_tokenizer
from dreaminpainter.unet import SubjectUNet
from dreaminpainter.vocabulary import WORDS


class TinyBackbone(Backbone):
    """Random networks of the same classes, small enough for a laptop.

    Attention at the finest sizes takes most of the time, so each stack can have it at the coarser ones alone: down from
    `attention_from` on, up from `up_attention_from` on, where the subject's tokens come in.

    Args:
        channels: width of each UNet block; multiples of 32.
        layers_per_block: residual layers a block.
        attention_from: the first of the down blocks that have attention, from 0. A reference that is read at a block
            without it knows its surroundings alone, no other part of the subject.
        up_attention_from: the same of the up blocks, in the same order, the finest first; 0 for all.
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
        up_attention_from: int = 0,
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
        self.up_attention_from = up_attention_from
        self.latent_factor = latent_factor
        self.autoencoder = autoencoder
        self.text_width = text_width
        self.text_layers = text_layers
        self.text_length = text_length

    def parts(self) -> Parts:
        vae = SpaceToDepth(self.latent_factor) if self.autoencoder is None else read_autoencoder(self.autoencoder)
        latent_channels = latent_width(vae)
        plain, plain_up, count = self.attention_from, self.up_attention_from, len(self.channels)
        for name in ("attention_from", "up_attention_from"):
            if not 0 <= getattr(self, name) < count:
                raise SettingError(
                    f"{name} is {getattr(self, name)}; of {count} blocks give one from 0 to {count - 1}."
                )
        unet = SubjectUNet(
            sample_size=16,
            in_channels=latent_channels,
            out_channels=latent_channels,
            block_out_channels=tuple(self.channels),
            down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",) * (count - plain),
            up_block_types=("CrossAttnUpBlock2D",) * (count - plain_up) + ("UpBlock2D",) * plain_up,
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
        return Parts(vae, unet, CLIPTextModel(text), tokenizer, stable_diffusion_schedule())
