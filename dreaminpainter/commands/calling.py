"""A function as a command: its parameters are the flags, its docstring the help, and a config can hold them all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jsonargparse import ArgumentError, Namespace, auto_cli, auto_parser

from dreaminpainter.configuration import with_configs_found
from dreaminpainter.errors import SettingError


def call(
    function: Callable[..., Any],
    name: str,
    arguments: list[str],
    as_positional: bool = False,
    defaults: dict[str, Any] | None = None,
) -> Any:
    """Calls a function with what follows `dreaminpainter NAME` on the command line; returns what it returns.

    Args:
        function: whose parameters are the settings.
        name: of the command.
        arguments: what follows it.
        as_positional: whether parameters without a default are given without a flag.
        defaults: of settings, in place of the function's own.

    Raises:
        SettingError: the arguments, or a config that they name, cannot be understood.
    """
    found = with_configs_found(arguments)
    with _errors_told(name) as prog:
        return auto_cli(
            function,
            args=found,
            prog=prog,
            as_positional=as_positional,
            set_defaults=defaults,
            exit_on_error=False,
        )


def parsed(function: Callable[..., Any], name: str, arguments: list[str]) -> dict[str, Any]:
    """The arguments that `call` would give, but components as `class_path` and `init_args`, and nothing is called.

    Raises:
        SettingError: as for `call`.
    """
    found = with_configs_found(arguments)
    with _errors_told(name) as prog:
        parser = auto_parser(function, prog=prog, as_positional=False, exit_on_error=False)
        given = parser.parse_args(found)
    settings: dict[str, Any] = _plain(given)
    return {key: value for key, value in settings.items() if key != "config"}


@contextmanager
def _errors_told(name: str) -> Iterator[str]:
    """Within it the parser's errors are the user's; gives the command's name."""
    prog = f"dreaminpainter {name}"
    try:
        yield prog
    except ArgumentError as error:
        raise SettingError(f"{error}\nAll settings: {prog} --help") from error


def _plain(value: Any) -> Any:
    """A parsed value without the parser's own type."""
    if isinstance(value, Namespace):
        value = value.as_dict()  # not vars, in which names that it uses itself, such as "values", are marked
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
