"""A BLIP of random weights that never ends a caption early, to time captioning with."""

from pathlib import Path

import torch
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = 8000
_NEVER = -1e6


def save_random_blip(folder: Path, hidden: int = 256, layers: int = 4, image_size: int = 224) -> str:
    """Writes network and processor, as transformers writes them.

    Args:
        folder: where to.
        hidden: width of both transformers, a multiple of 32.
        layers: of each.
        image_size: side of the square that pictures are resized to, in pixels, a multiple of 16.

    Returns:
        The folder's path.
    """
    vocabulary = {word: place for place, word in enumerate([*_SPECIAL, *(f"w{one}" for one in range(_WORDS))])}
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=True)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    # The default range is made to be trained from: with it every picture would get the same caption.
    shape = {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 32,
        "initializer_range": 0.2,
    }
    marks = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = shape | marks | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "encoder_hidden_size": hidden}
    vision = shape | {"image_size": image_size, "patch_size": 16}
    torch.manual_seed(0)
    network = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    with torch.no_grad():
        network.text_decoder.get_output_embeddings().bias[tokenizer.sep_token_id] = _NEVER
    network.save_pretrained(folder)
    processor = BlipImageProcessor(size={"height": image_size, "width": image_size})
    BlipProcessor(processor, tokenizer).save_pretrained(folder)
    return str(folder)
