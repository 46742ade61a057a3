"""The small vocabulary and the drawn world's captions are kept in different layers, and have to agree."""

from dreaminpainter.data.critters import CAPTION_WORDS
from dreaminpainter.vocabulary import WORDS


def test_every_word_of_the_drawn_worlds_captions_is_known_whole():
    assert CAPTION_WORDS <= WORDS
