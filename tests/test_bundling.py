"""Modules put together do what they did apart; what cannot be put together is named."""

import sys
from itertools import count
from pathlib import Path

import pytest

from dreaminpainter.bundling import bundle
from dreaminpainter.errors import SettingError

NUMBERS = count()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a package of modules that is importable, under a name that no test had before."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**modules: str) -> str:
        name = f"bundled{next(NUMBERS)}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(modules.pop("init", ""))
        for module, text in modules.items():
            (tmp_path / name / f"{module}.py").write_text(text.replace("PACKAGE", name))
        return name

    yield write
    for name in [name for name in sys.modules if name.startswith("bundled")]:
        del sys.modules[name]


def run(source: str) -> dict:
    names: dict = {"__name__": "together"}
    exec(compile(source, "together.py", "exec"), names)  # noqa: S102  the tests' own
    return names


def test_imports_are_followed_in_order_and_written_once(package) -> None:
    name = package(
        low="import math\nfrom collections import deque\n\nHALF = math.pi / 2\n",
        middle="import math\n\nfrom .low import HALF\n\nTURN = HALF * 4\n",
        top="from collections import deque\n\nfrom PACKAGE.low import HALF\n"
        "from PACKAGE.middle import (\n    TURN,\n)\n\n\nclass Top:\n    kept = deque([HALF, TURN])\n",
        stranger="raise RuntimeError\n",
    )
    bundled = bundle([f"{name}.top"])
    assert run(bundled.source)["Top"].kept[1] == pytest.approx(6.283185307)
    assert bundled.source.count("import math") == bundled.source.count("import deque") == 1
    assert name not in bundled.source.replace(f"# {name}", "")
    assert bundled.classes == {f"{name}.top.Top": "Top"}


def test_a_package_s_own_names_are_those_of_its_modules(package) -> None:
    name = package(init="from .part import Part\n\n__all__ = ['Part']\n", part="class Part:\n    pass\n")
    Path(sys.path[0], name, "user.py").write_text(f"from {name} import Part\n\n\nclass User(Part):\n    pass\n")
    names = run(bundle([f"{name}.user"]).source)
    assert issubclass(names["User"], names["Part"]) and "__all__" not in names


def test_names_that_two_modules_have_stay_apart(package) -> None:
    name = package(
        low='def _size(side: int) -> int:\n    return side\n\n\nlogger = "low"\n\n\n'
        "def low() -> int:\n    return _size(3)\n",
        top='from .low import low\n\nlogger = "top"  # é before a name: _size\n\n\ndef _size(side: int) -> int:\n'
        '    return side * 10\n\n\ndef top() -> tuple:\n    "é"; return low(), _size(3), logger\n',
    )
    names = run(bundle([f"{name}.top"]).source)
    assert names["top"]() == (3, 30, "top") and names["logger"] == "low"


def test_what_types_alone_need_is_left_out(package) -> None:
    name = package(
        low="from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from PACKAGE.top import Top\n\n\n"
        "def low(top: Top) -> int:\n    return 1\n",
        top="from PACKAGE.low import low\n\n\nclass Top:\n    value = low(None)\n",
    )
    assert run(bundle([f"{name}.top"]).source)["Top"].value == 1


@pytest.mark.parametrize(
    ("low", "top", "told"),
    [
        ("X = 1\n", "def f():\n    from .low import X\n    return X\n", r"top\.py, line 2, imports a module .* inside"),
        ("X = 1\n", "from .low import X as Y\n", r"top\.py, line 1, gives what it imports .* another name"),
        ("from math import pi\nX = 1\n", "from numpy import pi\nfrom .low import X\n", "something else by pi"),
        ("pi = 3\nX = 1\n", "from math import pi\nfrom .low import X\n", "imports pi and defines it too"),
        ("from .base import _x\nX = 1\n", "from .low import X\nfrom .twin import _x\n", r"twin\.py defines _x"),
        ("_x = 1\nX = 1\n", "from .low import X\n_x = 2\nprint(X._x)\n", "has _x as an attribute"),
    ],
)
def test_what_cannot_be_put_together_is_named(low, top, told, package) -> None:
    name = package(low=low, top=top, base="_x = 1\n", twin="_x = 2\n")
    with pytest.raises(SettingError, match=told):
        bundle([f"{name}.top"])


@pytest.mark.parametrize("name", ["__main__", "math", "no.such.module"])
def test_a_module_without_a_source_is_named(name) -> None:
    with pytest.raises(SettingError, match=f"{name} has no source file"):
        bundle([name])
