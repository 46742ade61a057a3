"""Segmentation networks of random weights, of some ten thousand parameters, in folders that transformers writes itself.

Their class heads are pulled away from "no object", so that every picture has objects; other queries give other masks.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    CLIPTokenizer,
    DetrConfig,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessor,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    MaskFormerImageProcessor,
    MaskFormerSwinConfig,
    OneFormerConfig,
    OneFormerForUniversalSegmentation,
    OneFormerImageProcessor,
    OneFormerProcessor,
    SwinConfig,
)

CLASSES = ["dog", "hat", "grass"]
LABELS = {"id2label": dict(enumerate(CLASSES)), "label2id": {name: label for label, name in enumerate(CLASSES)}}
SWIN: dict[str, Any] = {
    "embed_dim": 8,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 1, 2, 2],
    "window_size": 4,
    "image_size": 32,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}
NARROW = {"encoder_layers": 1, "decoder_layers": 2, "num_attention_heads": 2, "dim_feedforward": 16, "hidden_dim": 32}
SIZE = {"shortest_edge": 64, "longest_edge": 96}


def save_mask2former(folder: Path, size: dict[str, int] | None = None, favourite: str | None = None) -> str:
    """Writes network and processor; returns the folder's path.

    Args:
        folder: where to write.
        size: what the processor brings pictures to.
        favourite: the class that all objects are of; None for a mixture.
    """
    torch.manual_seed(0)
    config = Mask2FormerConfig(
        backbone_config=SwinConfig(**SWIN),
        feature_size=32,
        mask_feature_size=32,
        encoder_feedforward_dim=16,
        num_queries=6,
        **NARROW,
        **LABELS,
    )
    network = Mask2FormerForUniversalSegmentation(config)
    _find_something(network, network.class_predictor, favourite)
    network.save_pretrained(folder)
    Mask2FormerImageProcessor(size=size or {"height": 64, "width": 64}).save_pretrained(folder)
    return str(folder)


def save_maskformer(folder: Path, favourite: str | None = None) -> str:
    """As `save_mask2former`; pictures keep about their shape."""
    torch.manual_seed(0)
    decoder = DetrConfig(
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=6,
    )
    config = MaskFormerConfig(
        fpn_feature_size=32,
        mask_feature_size=32,
        backbone_config=MaskFormerSwinConfig(**SWIN),
        decoder_config=decoder,
        **LABELS,
    )
    network = MaskFormerForInstanceSegmentation(config)
    _find_something(network, network.class_predictor, favourite)
    network.save_pretrained(folder)
    MaskFormerImageProcessor(size=SIZE).save_pretrained(folder)
    return str(folder)


def save_oneformer(folder: Path, favourite: str | None = None) -> str:
    """As `save_maskformer`; its processor knows that grass is no thing."""
    torch.manual_seed(0)
    config = OneFormerConfig(
        backbone_config=SwinConfig(**SWIN),
        num_queries=7,
        task_seq_len=8,
        text_encoder_width=32,
        text_encoder_context_length=8,
        text_encoder_num_layers=1,
        text_encoder_vocab_size=32,
        text_encoder_n_ctx=1,
        conv_dim=32,
        mask_dim=32,
        encoder_feedforward_dim=16,
        **NARROW,
        **LABELS,
    )
    network = OneFormerForUniversalSegmentation(config)
    _find_something(network, network.model.transformer_module.decoder.class_embed, favourite)
    network.save_pretrained(folder)
    classes = {str(label): {"name": name, "isthing": name != "grass"} for label, name in enumerate(CLASSES)}
    (folder / "classes.json").write_text(json.dumps(classes))
    pictures = OneFormerImageProcessor(size=SIZE, repo_path=str(folder), class_info_file="classes.json", num_text=2)
    words = ["<|startoftext|>", "<|endoftext|>", "the</w>", "task</w>", "is</w>", "instance</w>"]
    letters = [chr(ord("a") + place) for place in range(26)]
    tokenizer = CLIPTokenizer(vocab={word: place for place, word in enumerate([*words, *letters])}, merges=[])
    OneFormerProcessor(pictures, tokenizer, max_seq_length=8, task_seq_length=8).save_pretrained(folder)
    return str(folder)


@torch.no_grad()
def _find_something(network: nn.Module, class_head: nn.Linear, favourite: str | None) -> None:
    # With weights as small as training starts from, all queries would give one mask, unsure everywhere.
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            parameter.mul_(4 if "mask_embed" in name else 2)
    class_head.weight.mul_(8)
    class_head.bias.zero_()
    class_head.bias[-1] = -20
    if favourite is not None:
        class_head.bias[CLASSES.index(favourite)] = 20
