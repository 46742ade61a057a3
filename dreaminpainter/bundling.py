"""Several modules of a package as one, for a place where the package is not installed.

The modules are found by following the imports of the first ones. What they import of each other is left out, what they
import from elsewhere is asked for once, at the top; nothing else changes, so the result reads as the package does.

Example:
    >>> bundled = bundle(["dreaminpainter.selection.cosine"])
    >>> "class CosineDistance(TokenSelector):" in bundled.source, "class TokenSelector(" in bundled.source
    (True, True)
    >>> bundled.classes["dreaminpainter.selection.cosine.CosineDistance"]
    'CosineDistance'
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec, resolve_name
from pathlib import Path

from dreaminpainter.errors import SettingError


@dataclass
class Bundle:
    """Modules put together.

    Args:
        source: the one module that they became.
        classes: the names of its classes, by the full path that each has at home.
    """

    source: str
    classes: dict[str, str]


def bundle(first: Iterable[str]) -> Bundle:
    """One module of the named ones and all that they import from their own packages.

    Args:
        first: full names of modules; an import is followed where it stays in the top-level package of one of them.

    Raises:
        SettingError: a module has no source, or is written in a way that cannot be put together with others.
    """
    names = list(first)
    modules = _followed(names, {name.partition(".")[0] for name in names})
    renamed = _new_names(modules)
    sections = [_section(module, renamed[module.name]) for module in modules]
    return Bundle(
        source="\n".join(["from __future__ import annotations\n", *_outside_imports(modules), *sections]),
        classes={
            f"{module.name}.{node.name}": renamed[module.name].get(node.name, node.name)
            for module in modules
            for node in module.tree.body
            if isinstance(node, ast.ClassDef)
        },
    )


@dataclass
class _Module:
    name: str
    path: Path
    packages: set[str]

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    def imported(self, node: ast.AST) -> list[str]:
        """The full names of the modules that a statement imports."""
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        if not isinstance(node, ast.ImportFrom):
            return []
        if not node.level:
            return [node.module or ""]
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        return [resolve_name("." * node.level + (node.module or ""), package)]

    def is_own(self, node: ast.AST) -> bool:
        """Whether a statement imports from the packages that are bundled."""
        return any(name.partition(".")[0] in self.packages for name in self.imported(node))

    def own_imports(self) -> Iterator[str]:
        top = {id(node) for node in self.tree.body}
        for_types = {id(node) for block in self.tree.body if _is_for_types(block) for node in ast.walk(block)}
        for node in ast.walk(self.tree):
            if not self.is_own(node) or id(node) in for_types:
                continue
            if id(node) not in top:
                raise self.error(node, "imports a module of its own package inside of something else")
            if any(alias.asname for alias in node.names):  # type: ignore[attr-defined]
                raise self.error(node, "gives what it imports from its own package another name")
            yield from self.imported(node)

    def names_of_others(self) -> Iterator[tuple[str, str]]:
        """The names that it imports from the packages that are bundled, each with its module."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and self.is_own(node):
                yield from ((self.imported(node)[0], alias.name) for alias in node.names)

    def definitions(self) -> set[str]:
        """The names that it gives a value at its top level, but for what it imports."""
        found: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {item.id for target in targets for item in ast.walk(target) if isinstance(item, ast.Name)}
        return found

    def error(self, node: ast.AST, what: str) -> SettingError:
        line = getattr(node, "lineno", 1)
        return SettingError(f"{self.path}, line {line}, {what}; such code cannot be exported. Write it plainly.")


def _followed(names: list[str], packages: set[str]) -> list[_Module]:
    """The modules and those that they import, each behind the ones that it needs."""
    done: dict[str, _Module] = {}

    def visit(name: str) -> None:
        if name in done:
            return
        module = _Module(name, _source_file(name), packages)
        for needed in dict.fromkeys(module.own_imports()):
            visit(needed)
        done[name] = module

    for name in names:
        visit(name)
    return list(done.values())


def _source_file(name: str) -> Path:
    try:
        # A program's own module is not taken, since all that it does would be done again.
        spec = None if name == "__main__" else find_spec(name)
    except ImportError:
        spec = None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise SettingError(f"The module {name} has no source file, so it cannot be exported. Put it into one.")
    return Path(spec.origin)


def _new_names(modules: list[_Module]) -> dict[str, dict[str, str]]:
    """What names that an earlier module has too are called instead, by module; such a name may not be imported."""
    imported = {name for module in modules for name in module.names_of_others()}
    taken: set[str] = set()
    renamed: dict[str, dict[str, str]] = {}
    for number, module in enumerate(modules):
        twins = module.definitions() & taken
        for name in sorted(twins):
            if (module.name, name) in imported:
                raise SettingError(
                    f"{module.path} defines {name}, as another module does that is exported with it. Give one of the "
                    "two another name."
                )
        for node in ast.walk(module.tree):
            used = getattr(node, "attr", getattr(node, "arg", None))
            if isinstance(node, ast.Attribute | ast.keyword) and used in twins:
                raise module.error(node, f"has {used} as an attribute and as a name of the module")
        renamed[module.name] = {name: f"{name}_{number}" for name in twins}
        taken |= module.definitions()
    return renamed


def _outside_imports(modules: list[_Module]) -> list[str]:
    """The import statements for everything that comes from elsewhere, one a name."""
    found: dict[str, str] = {}
    for module in modules:
        for node in module.tree.body:
            if not isinstance(node, ast.Import | ast.ImportFrom) or module.is_own(node):
                continue
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                continue
            for alias in node.names:
                if isinstance(node, ast.ImportFrom):
                    statement = ast.unparse(ast.ImportFrom(node.module, [alias], node.level))
                    name = alias.asname or alias.name
                else:
                    statement = ast.unparse(ast.Import([alias]))
                    name = alias.asname or alias.name  # `import a.b` and `import a.c` are both needed
                if found.setdefault(name, statement) != statement:
                    raise module.error(node, f"means something else by {name} than another module")
    clash = sorted(found.keys() & {name for module in modules for name in module.definitions()})
    if clash:
        raise SettingError(f"What is exported imports {clash[0]} and defines it too. Give one of the two another name.")
    return sorted(found.values())


def _section(module: _Module, renamed: dict[str, str]) -> str:
    """The source of a module, without its imports."""
    lines = [line.encode() for line in module.source.splitlines()]
    mentions = {mention for node in ast.walk(module.tree) for mention in _mentions(node, lines)}
    for row, start, name in sorted(mentions, reverse=True):  # from the end, so that places stay true
        if name in renamed:
            lines[row] = lines[row][:start] + renamed[name].encode() + lines[row][start + len(name.encode()) :]
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_for_types(node) or _is_list_of_names(node):
            for row in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[row] = b""
    text = re.sub(r"\n{4,}", "\n\n\n", b"\n".join(lines).decode().strip())
    return f"\n\n# {module.name}\n\n{text}"


def _mentions(node: ast.AST, lines: list[bytes]) -> Iterator[tuple[int, int, str]]:
    """The row, column and text of each name that a node writes out."""
    if isinstance(node, ast.Name):
        yield node.lineno - 1, node.col_offset, node.id
    elif isinstance(node, ast.arg):
        yield node.lineno - 1, node.col_offset, node.arg
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        row = node.lineno - 1
        yield row, lines[row].index(node.name.encode(), node.col_offset + len("def ")), node.name


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _is_list_of_names(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
