"""A BLIP of random weights, of a few thousand parameters, in a folder that transformers writes itself."""

from pathlib import Path

import torch
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["a", "the", "photo", "of", "dog", "cat", "hat", "red", "blue", "runs", "sits", "on", "in", "and"]


def save_blip(folder: Path, seed: int = 5) -> str:
    """Writes network and processor; returns the folder's path. Other pictures get other captions."""
    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=True)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    # The default ranges are made to be trained from: with them every picture would look alike.
    text = shape | {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "max_position_embeddings": 64,
        "initializer_range": 1.0,
    }
    vision = shape | {"image_size": 32, "patch_size": 8, "initializer_range": 1.0}
    torch.manual_seed(seed)
    network = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    network.save_pretrained(folder)
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return str(folder)
