"""A small tokenizer of our own, for networks that are trained where nothing can be downloaded."""

import string
from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

START, END, UNKNOWN = "<|startoftext|>", "<|endoftext|>", "<|unknown|>"


def word_tokenizer(words: Iterable[str], max_length: int) -> PreTrainedTokenizerFast:
    """One token a known word; other words are spelled letter by letter.

    It is a transformers tokenizer like any other: `save_pretrained` writes it, `from_pretrained` reads it. As CLIP's,
    it lower-cases, starts and ends each text, and pads with the end token.

    Args:
        words: the known words; their order does not matter.
        max_length: tokens that the text encoder reads, start and end included.

    Example:
        >>> tokenizer = word_tokenizer(["a", "critter"], max_length=8)
        >>> tokenizer.convert_ids_to_tokens(tokenizer("A critter cub").input_ids)
        ['<|startoftext|>', 'a', 'critter', 'c', '##u', '##b', '<|endoftext|>']
    """
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [START, END, UNKNOWN, *characters, *(f"##{character}" for character in characters), *sorted(words)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=40))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, vocabulary[START]), (END, vocabulary[END])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        unk_token=UNKNOWN,
        model_max_length=max_length,
    )


def spelled_words(tokenizer: Any, text: str) -> list[str]:
    """The words of `text` that a tokenizer of ours spells letter by letter, in order; none for other tokenizers."""
    known = tokenizer.get_vocab()  # made anew each time it is asked for
    if UNKNOWN not in known:
        return []
    words = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text.lower())
    return [word for word, _ in words if word not in known]
