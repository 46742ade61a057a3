"""The version, apart from the names that the package offers, so that every module may import it."""

__version__ = "0.1.0"
