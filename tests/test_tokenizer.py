import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from dreaminpainter.tokenizer import END, START, UNKNOWN, spelled_words, word_tokenizer

WORDS = ["a", "critter", "hat", "wears"]


def pieces(tokenizer, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids)


def test_a_known_word_is_one_token_whatever_its_case():
    assert pieces(word_tokenizer(WORDS, 8), "A critter wears a HAT") == [
        START,
        "a",
        "critter",
        "wears",
        "a",
        "hat",
        END,
    ]


PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|")  # special tokens hold a |


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=PRINTABLE, min_size=1, max_size=30))
def test_any_printable_word_can_be_spelled(word):
    found = pieces(word_tokenizer(WORDS, 8), word)[1:-1]
    assert UNKNOWN not in found
    assert "".join(piece.removeprefix("##") for piece in found) == word.lower()


def test_a_sign_is_a_token_of_its_own():
    assert pieces(word_tokenizer(WORDS, 8), "hat|#1") == [START, "hat", "|", "#", "1", END]


def test_numbers_do_not_depend_on_the_words_order():
    assert word_tokenizer(WORDS, 8).get_vocab() == word_tokenizer(WORDS[::-1], 8).get_vocab()


def test_short_texts_are_padded_with_the_end_and_long_ones_cut_before_it():
    tokenizer = word_tokenizer(WORDS, 5)
    arguments = {"padding": "max_length", "max_length": tokenizer.model_max_length, "truncation": True}
    short, long = (tokenizer.convert_ids_to_tokens(tokenizer(t, **arguments).input_ids) for t in ("a", "a hat a hat a"))
    assert short == [START, "a", END, END, END]
    assert long == [START, "a", "hat", "a", END]


def test_it_is_read_back_as_it_was_saved(tmp_path):
    tokenizer = word_tokenizer(WORDS, 9)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.model_max_length == 9
    for text in ("", "a critter", "zebra, hat!"):
        assert again(text).input_ids == tokenizer(text).input_ids


@pytest.mark.parametrize(
    ("text", "spelled"), [("a critter", []), ("A zebra wears a hut", ["zebra", "hut"]), ("a hat, a HAT!", [])]
)
def test_spelled_words_are_those_that_it_does_not_know(text, spelled):
    assert spelled_words(word_tokenizer(WORDS, 9), text) == spelled
