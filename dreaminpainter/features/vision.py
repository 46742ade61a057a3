"""Features from image encoders: what the paper's UNet features are held against."""

from abc import abstractmethod
from functools import cached_property
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoConfig, AutoModel, CLIPVisionModel

from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.features.base import FeatureExtractor, touched_cells
from dreaminpainter.hub import UNREACHABLE
from dreaminpainter.types import Reference, TokenFeatures
from dreaminpainter.unet import SubjectUNet


class _VisionTransformerFeatures(FeatureExtractor):
    """A frozen vision transformer, from the hub or a folder; loaded when first used, and never part of the weights."""

    mean: ClassVar[tuple[float, float, float]]
    std: ClassVar[tuple[float, float, float]]

    def __init__(self, encoder: str, image_level: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.image_level = image_level

    @abstractmethod
    def load(self) -> Any:
        """The transformers model that `encoder` names."""

    @abstractmethod
    def vision_config(self) -> Any:
        """Its config: `hidden_size`, `image_size`, `patch_size`."""

    @cached_property
    def _holder(self) -> list[Any]:
        # In a list, the frozen encoder is no submodule: its weights stay out of checkpoints, which name it instead.
        model = _explain_missing(self.encoder, self.load)
        model.set_attn_implementation("eager" if self.record_attentions else "sdpa")
        return [model.requires_grad_(False).eval()]

    def token_width(self, unet: SubjectUNet) -> int:
        width: int = _explain_missing(self.encoder, self.vision_config).hidden_size
        return width

    @torch.no_grad()
    def forward(self, reference: Reference, unet: SubjectUNet) -> TokenFeatures:
        """Reads `reference.pixels`; `unet` is not used.

        Returns:
            The class token and all patch tokens, or with `image_level` the class token alone, as a 1 x 1 grid.
        """
        model = self._holder[0].to(reference.pixels.device)
        config = model.config
        output = model(
            pixel_values=self._normalised(reference.pixels, config.image_size).to(model.dtype),
            output_attentions=self.record_attentions,
        )
        tokens_BND = output.last_hidden_state
        if self.image_level:
            return TokenFeatures(tokens=tokens_BND[:, :1], grid=(1, 1))
        side = config.image_size // config.patch_size
        if tokens_BND.shape[1] != side * side + 1:
            raise SettingError(
                f"{self.encoder} returns {tokens_BND.shape[1]} tokens for a {side} x {side} grid; encoders with "
                "register tokens are not supported. Choose one without, such as facebook/dinov2-base."
            )
        subject = touched_cells(reference.mask, (side, side))
        attentions = torch.stack([layer.mean(1) for layer in output.attentions], 1) if self.record_attentions else None
        return TokenFeatures(
            tokens=tokens_BND,
            grid=(side, side),
            valid=F.pad(subject, (1, 0), value=False),
            attentions=attentions,
            has_class_token=True,
        )

    def _normalised(self, pixels: Tensor, size: int) -> Tensor:
        resized = F.interpolate(pixels, (size, size), mode="bicubic", antialias=True).clamp(-1, 1)
        mean, std = (resized.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (resized / 2 + 0.5 - mean) / std


class CLIPFeatures(_VisionTransformerFeatures):
    """Tokens of a frozen CLIP image encoder (an alternative to eq. 2).

    Args:
        encoder: name on the hub, or a folder that transformers wrote.
        image_level: the class token alone, as image-level conditioning has it, instead of patch tokens. Use it with
            the selector `AllTokens`.
    """

    mean = (0.48145466, 0.4578275, 0.40821073)
    std = (0.26862954, 0.26130258, 0.27577711)

    def __init__(self, encoder: str = "openai/clip-vit-large-patch14", image_level: bool = False) -> None:
        super().__init__(encoder, image_level)

    def load(self) -> Any:
        return CLIPVisionModel.from_pretrained(self.encoder)

    def vision_config(self) -> Any:
        config = AutoConfig.from_pretrained(self.encoder)
        return getattr(config, "vision_config", config)


class DINOFeatures(_VisionTransformerFeatures):
    """Tokens of a frozen DINO or DINOv2 encoder (an alternative to eq. 2).

    Args:
        encoder: name on the hub, or a folder that transformers wrote.
        image_level: the class token alone instead of patch tokens. Use it with the selector `AllTokens`.
    """

    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)

    def __init__(self, encoder: str = "facebook/dinov2-base", image_level: bool = False) -> None:
        super().__init__(encoder, image_level)

    def load(self) -> Any:
        return AutoModel.from_pretrained(self.encoder)

    def vision_config(self) -> Any:
        return AutoConfig.from_pretrained(self.encoder)


def _explain_missing(name: str, load: Any) -> Any:
    try:
        return load()
    except UNREACHABLE as error:
        raise MissingFileError(
            f"The image encoder {name!r} is neither a folder that transformers wrote nor reachable on the hub. Give "
            "the folder's path, or download it where there is a network and set HF_HOME to its cache."
        ) from error
