"""Where the configs are: beside the package in a source tree, inside it in a wheel."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from dreaminpainter.errors import MissingFileError

_HERE = Path(__file__).parent


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
    """The arguments of a command, with every `--config NAME` (or `-c NAME`) replaced by the file found."""
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] == "--config":
            found.append(str(find_config(argument)))
        elif argument.startswith("--config="):
            found += ["--config", str(find_config(argument.removeprefix("--config=")))]
        else:
            found.append("--config" if argument == "-c" else argument)
    return found


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
