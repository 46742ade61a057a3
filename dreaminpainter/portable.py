"""A saved pipeline that carries its code, so that it loads where this package is not.

diffusers loads a pipeline's class and those of its parts from files in its folder, where `model_index.json` names them
and the caller agrees with `trust_remote_code=True`:

    model_index.json            _class_name: [pipeline_ID, DreamInpainterPipeline], adapter: [adapter_ID, …]
    dreaminpainter_ID.py        all the code, of this package and of components from elsewhere, as one module
    pipeline_ID.py              names the pipeline's class in it
    adapter/adapter_ID.py       names the adapter's; so does vae/vae_ID.py where the autoencoder is one of ours

ID comes of the code. diffusers copies such files from every folder into one place, so names that other code has too
would get mixed up with it. This package itself never runs code from a folder: it reads the index as if that named its
own classes.
"""

import json
import re
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from diffusers.utils import logging
from packaging.version import Version

from dreaminpainter.components import CARRIED, class_paths
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.version import __version__

PIPELINE = "DreamInpainterPipeline"
INDEX = "model_index.json"
VERSION = "_dreaminpainter_version"
"""Under which the index tells what wrote it; diffusers ignores names that begin so."""

TRANSFORMERS = "5.6"
"""The lowest version of transformers, in which the names of a text encoder's weights changed."""

logger = logging.get_logger(__name__)


def check_transformers(installed: str) -> None:
    """Refuses a transformers that would read a model's text encoder without its weights, and without an error.

    Args:
        installed: its version.

    Raises:
        ImportError: it is too old.

    Example:
        >>> check_transformers("5.24.0")
    """
    if Version(installed) < Version(TRANSFORMERS):
        raise ImportError(
            f"transformers {installed} would read this model's text encoder without its weights. Install "
            f"{TRANSFORMERS} or newer: pip install --upgrade transformers"
        )


check_transformers(version("transformers"))


def carry_code(folder: Path, own: dict[str, type], specs: Any) -> None:
    """Puts the code beside a pipeline that was just saved, and makes its index name it.

    Args:
        folder: what was saved.
        own: the classes of this package that a part may be of, by their names.
        specs: of the components, which may come from other packages.
    """
    drop_code(folder, own)
    code = _code(sorted({path.rpartition(".")[0] for path in class_paths(specs)}))
    identity = blake2b(code.encode(), digest_size=4).hexdigest()
    module = f"dreaminpainter_{identity}"
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    # The UNet loads by its stock class, and is given what ours has beyond that by the pipeline.
    named = {"_class_name": [f"pipeline_{identity}", PIPELINE], "unet": ["diffusers", "UNet2DConditionModel"]}
    for path in folder.glob("*/config.json"):
        _edit(path, {"_class_name": "UNet2DConditionModel"} if path.parent.name == "unet" else {})
    # Relative, because diffusers copies along what a file imports so.
    (folder / f"pipeline_{identity}.py").write_text(f"from .{module} import {PIPELINE}\n", encoding="utf-8")
    for part, name in _own_parts(read_index(folder), own).items():
        named[part] = [f"{part}_{identity}", name]
        # By then the pipeline's class is loaded, and with it the module that diffusers has copied to this place.
        line = f"from diffusers_modules.local.{module} import {name}\n"
        (folder / part / f"{part}_{identity}.py").write_text(line, encoding="utf-8")
    _edit(folder / INDEX, named)


def drop_code(folder: Path, own: dict[str, type]) -> None:
    """Takes the code out of a saved pipeline: for one that lies in the package, with the code beside it already.

    Args:
        folder: a saved pipeline.
        own: the classes of this package that a part may be of, by their names.
    """
    for path in (*folder.glob("*.py"), *folder.glob("*/*.py")):
        if is_code(path):
            path.unlink()
    _edit(folder / INDEX, as_own(read_index(folder), own) | {VERSION: __version__})


def is_code(path: Path) -> bool:
    """Whether a file of a saved pipeline has such a name as `carry_code` gives."""
    return re.fullmatch(r"[a-z]+_[0-9a-f]{8}\.py", path.name) is not None


def read_index(folder: Path) -> dict[str, Any]:
    """What `model_index.json` holds; nothing where it cannot be read."""
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return index if isinstance(index, dict) else {}


def as_own(index: dict[str, Any], own: dict[str, type]) -> dict[str, Any]:
    """An index with the classes of this package in place of those that the folder carries."""
    parts = {part: [own[name].__module__, name] for part, name in _own_parts(index, own).items()}
    return index | parts | {"_class_name": PIPELINE}


def check_index(folder: str, index: dict[str, Any]) -> None:
    """Checks that an index is of a pipeline of ours, and of one that this version can read.

    Args:
        folder: where it was found, for the message.
        index: what `model_index.json` holds.

    Raises:
        InputError: it is another pipeline's, or a newer version's.
    """
    given = index.get("_class_name")
    name = given[-1] if isinstance(given, list) and given else given
    if name != PIPELINE:
        raise InputError(f"{folder} holds a {name}, no {PIPELINE}. Name a folder that this package wrote.")
    written_by = index.get(VERSION, "0")
    if Version(written_by) > Version(__version__):
        raise InputError(
            f"{folder} was written by dreaminpainter {written_by}, and this is {__version__}, which may read it "
            "wrongly. Install the newer one (pip install --upgrade dreaminpainter), or export the model again with "
            "this one."
        )


def _own_parts(index: dict[str, Any], own: dict[str, type]) -> dict[str, str]:
    """The parts whose class is ours, and its name."""
    named = {part: value[1] for part, value in index.items() if isinstance(value, list) and not part.startswith("_")}
    return {part: name for part, name in named.items() if name in own}


def _edit(path: Path, changes: dict[str, Any]) -> None:
    """Changes entries of a JSON file, and forgets where on this machine its contents came from."""
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _code(components: list[str]) -> str:
    """The source of the pipeline and of the modules of its components."""
    if CARRIED:  # This is such code itself, and hands itself on.
        return Path(__file__).read_text(encoding="utf-8")
    # By name, since it has nothing to do in the code that it puts together.
    bundle = import_module("dreaminpainter.bundling").bundle
    home = "dreaminpainter.pipeline"
    try:
        bundled = bundle([home, *components])
    except SettingError as error:
        bundled = bundle([home])
        logger.warning(f"{error} Without it, the saved pipeline can be loaded only where that module can be imported.")
    table = "".join(f'        "{path}": {name},\n' for path, name in bundled.classes.items())
    return f"{_HEAD}{bundled.source}\n\nCARRIED.update(\n    {{\n{table}    }}\n)\n"


_HEAD = f'''"""DreamInpainter (arXiv 2312.03771): text-guided, subject-driven image inpainting.

The source of dreaminpainter {__version__}, as far as its pipeline needs it, put into one file when the model was
saved, so that diffusers loads it without that package. Apache-2.0.
"""

'''
