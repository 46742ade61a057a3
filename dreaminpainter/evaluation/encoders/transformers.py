"""CLIP and DINO, from the hub or a folder."""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, CLIPModel

from dreaminpainter.evaluation.encoders.base import ImageEncoder, TextImageEncoder, loaded, standardized
from dreaminpainter.features.vision import CLIPFeatures, DINOFeatures


class CLIPEncoder(TextImageEncoder):
    """CLIP's joint space of pictures and texts.

    Args:
        source: name on the hub, or a folder that transformers wrote.
    """

    label = "CLIP"

    def __init__(self, source: str = "openai/clip-vit-large-patch14") -> None:
        self.source = source

    def load(self) -> nn.Module:
        model: nn.Module = loaded(CLIPModel, self.source, dtype=torch.float32)
        return model

    def encode(self, pictures: Tensor) -> Tensor:
        size = self.network.config.vision_config.image_size
        pixels = standardized(pictures, size, CLIPFeatures.mean, CLIPFeatures.std)
        return _pooled(self.network.get_image_features(pixel_values=pixels))

    def encode_texts(self, texts: list[str]) -> Tensor:
        length = self.network.config.text_config.max_position_embeddings
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=length, return_tensors="pt")
        return _pooled(self.network.get_text_features(**tokens.to(self.device)))

    @cached_property
    def _tokenizer(self) -> Any:
        return loaded(AutoTokenizer, self.source)


class DINOEncoder(ImageEncoder):
    """The class token of DINO or DINOv2.

    Args:
        source: name on the hub, or a folder that transformers wrote. Tables of the literature use DINO's ViT-S/16.
    """

    label = "DINO"

    def __init__(self, source: str = "facebook/dino-vits16") -> None:
        self.source = source

    def load(self) -> nn.Module:
        model: nn.Module = loaded(AutoModel, self.source, dtype=torch.float32)
        return model

    def encode(self, pictures: Tensor) -> Tensor:
        pixels = standardized(pictures, self.network.config.image_size, DINOFeatures.mean, DINOFeatures.std)
        token: Tensor = self.network(pixel_values=pixels).last_hidden_state[:, 0]
        return token


def _pooled(features: Any) -> Tensor:
    """The projected embedding, which transformers 5 returns within an output."""
    projected: Tensor = getattr(features, "pooler_output", features)
    return projected
