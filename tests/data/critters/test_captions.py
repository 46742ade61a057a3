"""Captions tell everything but the identity."""

import itertools

import torch

from dreaminpainter.data.critters.attributes import IDENTITY, SCENE, TEXT, VALUES
from dreaminpainter.data.critters.captions import CAPTION_WORDS, PHRASES, RIDE_PHRASES, captions, word_list

NAMES = TEXT + SCENE
COMBINATIONS = [
    dict(zip(NAMES, values, strict=True)) for values in itertools.product(*(VALUES[name] for name in NAMES))
][::7]
CAPTIONS = captions(COMBINATIONS, torch.arange(len(COMBINATIONS)))


def _says(caption: str, phrases: tuple[str, ...]) -> bool:
    return any(f" {phrase} " in f" {caption.replace(',', '')} " for phrase in phrases)


def test_captions_name_every_attribute_that_words_carry() -> None:
    for attributes, texts in zip(COMBINATIONS, CAPTIONS, strict=True):
        for caption in texts:
            for name in PHRASES:
                assert _says(caption, PHRASES[name][attributes[name]]), (caption, name)
            assert _says(caption, RIDE_PHRASES[attributes["pose"], attributes["ride"]]), caption


def test_captions_name_no_value_that_the_scene_has_not() -> None:
    for attributes, texts in zip(COMBINATIONS, CAPTIONS, strict=True):
        for caption in texts:
            for name in PHRASES:
                others = [value for value in VALUES[name] if value != attributes[name]]
                assert not any(_says(caption, PHRASES[name][value]) for value in others), (caption, name)


def test_captions_never_name_an_identity() -> None:
    forbidden = {word for name in IDENTITY for value in (name, *VALUES[name]) for word in word_list(value)}
    assert not forbidden & CAPTION_WORDS


def test_every_word_of_a_caption_is_in_the_vocabulary() -> None:
    used = {word for texts in CAPTIONS for caption in texts for word in word_list(caption)}
    assert used <= CAPTION_WORDS
    assert len(CAPTION_WORDS - used) <= 1, "the vocabulary holds words that no caption uses"


def test_captions_are_short_several_and_different() -> None:
    for texts in CAPTIONS:
        assert len(texts) >= 2
        assert len(set(texts)) == len(texts)
        assert max(len(word_list(text)) for text in texts) <= 30
    longest = [max(len(word_list(text)) for text in texts) for texts in CAPTIONS]
    assert sum(length <= 25 for length in longest) > 0.9 * len(longest)


def test_captions_depend_on_the_scene_and_its_key_alone() -> None:
    for k in (0, 5, 100):
        assert captions(COMBINATIONS[k : k + 1], torch.tensor([k])) == [CAPTIONS[k]]
    others = captions([COMBINATIONS[5]] * 20, torch.arange(20))
    assert len({tuple(texts) for texts in others}) > 10
