"""The smallest CLIP and DINOv2 of random weights, in folders that transformers writes itself."""

from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel, Dinov2Config, Dinov2Model

from dreaminpainter.tokenizer import word_tokenizer
from dreaminpainter.vocabulary import WORDS

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_clip(folder: Path, side: int, seed: int = 0) -> str:
    """Pictures of `side`; returns the folder's path."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(WORDS, max_length=24)
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = SHAPE | ids | {"vocab_size": len(tokenizer), "max_position_embeddings": 24, "intermediate_size": 64}
    vision = SHAPE | {"image_size": side, "patch_size": 8, "intermediate_size": 64}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def save_dino(folder: Path, side: int) -> str:
    """The same of a DINOv2."""
    torch.manual_seed(0)
    Dinov2Model(Dinov2Config(image_size=side, patch_size=8, mlp_ratio=2, **SHAPE)).save_pretrained(folder)
    return str(folder)
