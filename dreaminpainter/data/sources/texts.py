"""Texts that files can hold. Names of files are bytes, and JSON has escapes, that are no text in UTF-8."""


def legible(text: str) -> str:
    r"""The text with its lone surrogates, which no file in UTF-8 can hold, written out, such as `\udce9`."""
    return text.encode(errors="backslashreplace").decode()


def is_legible(text: str) -> bool:
    r"""Whether the text can be written into files, as Unicode's scalar values.

    Example:
        >>> is_legible("café"), is_legible("caf\udce9")
        (True, False)
    """
    return legible(text) == text
