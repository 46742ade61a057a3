"""A function as a command: its parameters are the flags, its docstring the help, and a config can hold them all."""

from collections.abc import Callable
from typing import Any

from jsonargparse import ArgumentError, auto_cli

from dreaminpainter.configuration import with_configs_found
from dreaminpainter.errors import SettingError


def call(function: Callable[..., Any], name: str, arguments: list[str]) -> Any:
    """Calls a function with what follows `dreaminpainter NAME` on the command line; returns what it returns.

    Raises:
        SettingError: the arguments, or a config that they name, cannot be understood.
    """
    prog = f"dreaminpainter {name}"
    try:
        return auto_cli(
            function, args=with_configs_found(arguments), prog=prog, as_positional=False, exit_on_error=False
        )
    except ArgumentError as error:
        raise SettingError(f"{error}\nAll settings: {prog} --help") from error
