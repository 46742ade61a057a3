"""Words that our own tokenizer knows whole: those of the drawn world's captions."""

WORDS: tuple[str, ...] = ("a", "critter")
