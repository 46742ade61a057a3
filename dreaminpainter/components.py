"""Swappable parts, written down as a class and its arguments, and made from that again.

A component keeps each constructor argument as an attribute of the same name (the convention of scikit-learn). That is
all that is needed to write it into a checkpoint or an adapter's config and to make it again elsewhere.

Example:
    >>> from dreaminpainter.regularization import Linear, Schedule
    >>> spec = describe(Linear(start=0.0, end=0.2, steps=100))
    >>> spec["class_path"], spec["init_args"]["end"]
    ('dreaminpainter.schedules.Linear', 0.2)
    >>> make(spec, Schedule)(100)
    0.2
"""

import inspect
import os
from importlib import import_module
from typing import Any, TypeVar, cast

from torch import nn

from dreaminpainter.errors import SettingError

T = TypeVar("T")
Spec = dict[str, Any]

CARRIED: dict[str, type] = {}
"""In the code that an exported folder carries, where no package is: the classes in it, by their paths at home."""


class Component:
    """Base of every part that can be swapped by a class name in a YAML file."""


def describe(component: Component) -> Spec:
    """The `class_path` and `init_args` from which `make` builds an equal component.

    Raises:
        SettingError: the class does not keep one of its constructor's arguments under the argument's name.
    """
    kind = type(component)
    return {
        "class_path": _path(kind),
        "init_args": {name: described(_kept(component, name)) for name in _argument_names(kind)},
    }


def make(spec: Spec, expected: type[T]) -> T:
    """The component that `spec` describes.

    Args:
        spec: `class_path` and `init_args`, as `describe` writes them.
        expected: the base class that it must have; nothing else is made from a file that a stranger may have written.

    Raises:
        SettingError: the class cannot be imported or is no `expected`.
    """
    path = spec["class_path"]
    module_name, _, class_name = path.rpartition(".")
    try:
        kind = CARRIED[path] if path in CARRIED else getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingError(
            f"The component {path!r} cannot be imported ({error}). Install the package that holds it, or put its "
            "folder on PYTHONPATH."
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, expected) and issubclass(kind, Component)):
        raise SettingError(f"{path!r} is no {expected.__name__}, so it cannot be used as one.")
    arguments = {name: _make_value(value) for name, value in spec.get("init_args", {}).items()}
    return cast(T, kind(**arguments))


def class_paths(value: Any) -> list[str]:
    """The classes that a spec, or anything made of specs, names.

    Example:
        >>> class_paths({"class_path": "a.B", "init_args": {"inner": {"class_path": "c.D", "init_args": {}}}})
        ['a.B', 'c.D']
    """
    if isinstance(value, dict):
        own = [value["class_path"]] if "class_path" in value else []
        return own + [path for item in value.values() for path in class_paths(item)]
    return [path for item in value for path in class_paths(item)] if isinstance(value, list | tuple) else []


def _path(kind: type) -> str:
    at_home = (path for path, carried in CARRIED.items() if carried is kind)
    return next(at_home, f"{kind.__module__}.{kind.__qualname__}")


def _argument_names(kind: type) -> list[str]:
    # A torch module without a constructor of its own shows torch's, which takes anything.
    if inspect.getattr_static(kind, "__init__") in (object.__init__, nn.Module.__init__):
        return []
    return list(inspect.signature(kind).parameters)


def _kept(component: Component, name: str) -> Any:
    if not hasattr(component, name):
        raise SettingError(
            f"{type(component).__name__} does not keep its argument {name!r}. Add `self.{name} = {name}` to its "
            "__init__: a component keeps every constructor argument under the argument's own name."
        )
    return getattr(component, name)


def described(value: Any) -> Any:
    """A value with every component in it as `class_path` and `init_args`.

    Example:
        >>> from dreaminpainter.regularization import Constant
        >>> described({"rate": Constant(1.0)})["rate"]["init_args"]
        {'value': 1.0}

    Raises:
        SettingError: something in it cannot be written down.
    """
    if isinstance(value, Component):
        return describe(value)
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if isinstance(value, dict):
        return {key: described(item) for key, item in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise SettingError(
        f"The argument {value!r} of a component cannot be written down. Arguments are numbers, texts, paths, lists and "
        "dicts of these, or components."
    )


def _make_value(value: Any) -> Any:
    if isinstance(value, dict):
        if "class_path" in value:
            return make(value, Component)
        return {key: _make_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_make_value(item) for item in value]
    return value
