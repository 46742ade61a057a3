"""Prepared data: read once from whatever source, opened in no time ever after."""

from dreaminpainter.data.store.preparing import prepare
from dreaminpainter.data.store.reading import PreparedSource

__all__ = ["PreparedSource", "prepare"]
