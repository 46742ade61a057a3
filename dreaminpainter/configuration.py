"""Where the configs are: beside the package in a source tree, inside it in a wheel."""

import re
from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

from dreaminpainter.errors import MissingFileError, SettingError

_HERE = Path(__file__).parent
_DEEPEST = 50
_MOST = 100_000
"""Levels and values of a config, what is repeated by name included; ours have 8 and 200."""


def config_folder() -> Path:
    """The folder of the configs that come with the package."""
    inside = _HERE / "configs"
    return inside if inside.is_dir() else _HERE.parent / "configs"


def find_config(name: str) -> Path:
    """The file of that name, or else the packaged config of that name, with or without `configs/` before it.

    Raises:
        MissingFileError: there is neither.
    """
    given = Path(name)
    packaged = config_folder() / Path(*(given.parts[1:] if given.parts[:1] == ("configs",) else given.parts))
    for path in (given, packaged, packaged.with_suffix(".yaml")):
        if path.is_file():
            return path
    known = sorted(str(path.relative_to(config_folder())) for path in config_folder().rglob("*.yaml"))
    near = get_close_matches(str(packaged.relative_to(config_folder())), known, n=1) if not given.is_absolute() else []
    raise MissingFileError(
        f"There is no config {name!r}, and none of that name comes with the package: {', '.join(known)}."
        + (f"\nDid you mean {near[0]}?" if near else "")
    )


def with_configs_found(arguments: list[str]) -> list[str]:
    """The arguments of a command, with every `--config NAME` (or `-c NAME`) replaced by the file found.

    Raises:
        MissingFileError: there is no such config.
        SettingError: it is no text, or would keep a parser busy for ever.
    """
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] == "--config":
            found.append(_checked(find_config(argument)))
        elif argument.startswith("--config="):
            found += ["--config", _checked(find_config(argument.removeprefix("--config=")))]
        else:
            found.append("--config" if argument == "-c" else argument)
    return found


def _checked(path: Path) -> str:
    """The path of a config that is a text of some levels and values; what else is wrong with it the parser tells."""
    import yaml  # type: ignore[import-untyped]  # not before a config is given

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingError(f"The config {path} cannot be read ({error}). Save it as YAML in UTF-8.") from error
    with suppress(yaml.YAMLError):  # which the parser tells, with its place
        _check_size(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), path)
    return str(path)


def _check_size(events: Iterable[Any], path: Path) -> None:
    """Walks through a YAML file without building it: libyaml builds by recursion, down to a crash."""
    open_ones: list[tuple[str | None, int]] = []  # the name of each level, and the values before it
    sizes: dict[str, int] = {}
    count = 0
    for event in events:
        kind, name = type(event).__name__, getattr(event, "anchor", None)
        if kind in ("SequenceStartEvent", "MappingStartEvent"):
            open_ones.append((name, count))
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            name, before = open_ones.pop()
            if name is not None:
                sizes[name] = count - before
        elif kind == "AliasEvent" and any(name == one for one, _ in open_ones):
            raise SettingError(f"The config {path} repeats {name!r} within itself. Write out what is meant.")
        count += sizes.get(name or "", 1) if kind == "AliasEvent" else 1
        if len(open_ones) > _DEEPEST or count > _MOST:
            raise SettingError(
                f"The config {path} has more than {_DEEPEST} levels or {_MOST:,} values. Write it by hand, or split it."
            )


def hint(complaint: str, arguments: list[str], names: Iterable[str]) -> str:
    """What a parser that met a wrong word does not tell: which config holds it, and what it is likely to mean.

    Args:
        complaint: the parser's message.
        arguments: of the command, as `with_configs_found` returns them.
        names: of settings and classes that there are.
    """
    configs = [path for before, path in pairwise(arguments) if before == "--config"]
    if complaint.startswith("Problems parsing config"):
        return f"\nIt is in {' or '.join(configs)}."
    found = re.search(r"option '([\w.]+)'|arguments: --([\w.]+)|import path string: ([\w.]+)", complaint, re.IGNORECASE)
    if found is None:
        return ""
    word = next(filter(None, found.groups()))
    holding = [path for path in configs if set(word.split(".")) <= set(re.findall(r"\w+", Path(path).read_text()))]
    near = get_close_matches(word, names, n=1)
    told = [f"It is in {', '.join(holding)}."] if holding else []
    told += [f"Did you mean {near[0]}?"] if near else []
    return "".join(f"\n{sentence}" for sentence in told)
