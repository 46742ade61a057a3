"""Stable Diffusion 1.5, which the paper's kind of model starts from."""

from diffusers import AutoencoderKL, DDPMScheduler
from transformers import CLIPTextConfig, CLIPTextModel

from dreaminpainter.backbones.base import PredictionType
from dreaminpainter.backbones.pretrained import PretrainedBackbone
from dreaminpainter.parts import Parts
from dreaminpainter.tokenizer import word_tokenizer
from dreaminpainter.unet import SubjectUNet
from dreaminpainter.vocabulary import WORDS


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
        return Parts(vae, unet, CLIPTextModel(text), tokenizer, stable_diffusion_schedule())


def stable_diffusion_schedule() -> DDPMScheduler:
    """The noise schedule that Stable Diffusion was trained with."""
    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        steps_offset=1,
    )
