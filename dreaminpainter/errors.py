"""Errors that a user can mend: each names the file, the value and the fix.

The command prints them as one paragraph, without a stack trace; a program can catch `DreamInpainterError`.
"""


class DreamInpainterError(Exception):
    """Base of every error that the user, not the programmer, can mend."""


class SettingError(DreamInpainterError, ValueError):
    """A setting, alone or together with another, makes no sense."""


class InputError(DreamInpainterError, ValueError):
    """A picture, mask, prompt or record that was given cannot be used."""


class MissingFileError(DreamInpainterError, FileNotFoundError):
    """A file or folder that a setting names is not there."""


class WriteError(DreamInpainterError, OSError):
    """A file could not be written: the disk is full, or the folder is read-only."""


class NonFiniteError(DreamInpainterError, ArithmeticError):
    """A loss or gradient is no finite number."""
