"""What the method adds to a latent diffusion model, saved as one piece."""

from typing import Any, Self

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from dreaminpainter.components import Spec, describe, make
from dreaminpainter.features import FeatureExtractor
from dreaminpainter.injection import Injection
from dreaminpainter.input_forms import InputForm
from dreaminpainter.selection import TokenSelector
from dreaminpainter.unet import SubjectUNet, adopt


class SubjectAdapter(ModelMixin, ConfigMixin):
    """Projector, injection and, where it is frozen, the reference encoder; the other components as config.

    How tokens meet the text is not told by the paper. Our choice: a linear layer and a layer norm bring them to the
    text's width.

    Args:
        extractor: which `FeatureExtractor`, as `components.describe` writes it; so for the next three.
        selector: which `TokenSelector`, K included.
        injection: which `Injection`.
        input_form: which `InputForm` the UNet was trained with.
        token_width: D of the extractor's tokens.
        text_width: width of the text states.
        image_size: (height, width) in pixels that the UNet was trained at.
        reference_size: side of the reference in pixels.
        reference_dropout: share of the training samples whose reference was dropped; above 0, sampling with a
            `reference_scale` has a meaning.
        num_inference_steps: denoising steps that it is sampled with where nothing else is asked for.
        guidance_scale: guidance along the text, likewise.
        reference_scale: guidance along the reference, likewise.
        reference_unet: config of the frozen reference encoder, where the extractor has one.
    """

    @register_to_config
    def __init__(
        self,
        extractor: Spec,
        selector: Spec,
        injection: Spec,
        input_form: Spec,
        token_width: int,
        text_width: int,
        image_size: tuple[int, int],
        reference_size: int,
        reference_dropout: float = 0.0,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        reference_scale: float = 1.0,
        reference_unet: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.projector = nn.Sequential(nn.Linear(token_width, text_width), nn.LayerNorm(text_width))
        self.injector: Injection = make(injection, Injection)
        self.reference_encoder = None
        if reference_unet is not None:
            unet = SubjectUNet.from_config(reference_unet)
            self.reference_encoder = make(extractor, FeatureExtractor).frozen_encoder(unet)

    @classmethod
    def around(
        cls,
        unet: SubjectUNet,
        extractor: FeatureExtractor,
        selector: TokenSelector,
        injection: Injection,
        input_form: InputForm,
        image_size: tuple[int, int] = (512, 512),
        reference_size: int = 512,
        reference_dropout: float = 0.0,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        reference_scale: float = 1.0,
    ) -> Self:
        """A new adapter for `unet`, which is not changed but for its attention processors."""
        injection.attach(adopt(unet))
        reference_encoder = extractor.frozen_encoder(unet)
        adapter: Self = cls(
            extractor=describe(extractor),
            selector=describe(selector),
            injection=describe(injection),
            input_form=describe(input_form),
            token_width=extractor.token_width(unet),
            text_width=unet.config.cross_attention_dim,
            image_size=image_size,
            reference_size=reference_size,
            reference_dropout=reference_dropout,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            reference_scale=reference_scale,
            reference_unet=dict(unet.config) if reference_encoder else None,
        )
        adapter.injector = injection
        adapter.reference_encoder = reference_encoder
        return adapter

    def forward(self, tokens_BKD: Tensor) -> Tensor:
        """(B, K, text_width): chosen tokens, ready to stand beside the text's."""
        projected: Tensor = self.projector(tokens_BKD)
        return projected
