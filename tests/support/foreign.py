"""Finds where the package touches what another package, or the standard library, does not promise to keep.

A private name (``_name``) is ours where the same file defines it, and somebody else's in every other case. Public
attributes that we set on somebody else's objects count too. What no reader of the text can find, a private name of ours
that hides one of a class we inherit from, is found in the classes themselves.
"""

from __future__ import annotations

import ast
import functools
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import rocketvpn_sdk

PACKAGE = Path(rocketvpn_sdk.__file__).parent
BY_NAME = {"getattr", "hasattr", "setattr", "delattr"}
DOCUMENTED = {
    "_thread", "_exit", "unraisablehook",  # Python's own, os's, sys's
    "_replace",  # typing.NamedTuple's
    "__annotations__", "__signature__",  # Python's, inspect's
    "parser",  # typer.Option's and Argument's
    "propagate",  # logging's
    "compress_type", "external_attr",  # zipfile.ZipInfo's
    "minimum_version", "sslsocket_class", "sslobject_class",  # ssl.SSLContext's
    "isolation_level",  # sqlite3's
    "redirect_slashes",  # starlette's
    "expires", "snapshot_meta", "threshold", "version",  # tuf.api.metadata's
}  # fmt: skip
"""What its owner documents."""
_HARMLESS = {"abc", "builtins", "enum", "rocketvpn_sdk", "typing"}
"""Where classes come from whose private names are no concern: ours, and those that Python itself is built on."""


def touched() -> set[tuple[str, str]]:
    """Return ``(file, name)`` of everything that is touched."""
    trees = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8")) for path in _files()}
    public = {name for tree in trees.values() for name in defined(tree) if not name.startswith("_")}
    found = {(file, name) for file, tree in trees.items() for name in foreign(tree, public)}
    return found | set(_hidden())


def foreign(tree: ast.AST, public: set[str]) -> Iterator[str]:
    """Yield what a file touches that is not its own, nor among the ``public`` names of the package."""
    own = defined(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{name.name}" for name in node.names if _is_foreign(f"{module}.{name.name}"))
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if _is_foreign(name.name) and name.name not in DOCUMENTED)
        elif isinstance(node, ast.Attribute) and node.attr not in DOCUMENTED:
            written = not isinstance(node.ctx, ast.Load) and not _is_self(node.value)
            if node.attr not in own and (_is_private(node.attr) or (written and node.attr not in public)):
                yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME:
            name = node.args[1]
            if isinstance(name, ast.Constant) and _is_private(name.value) and name.value not in own:
                yield name.value


def defined(tree: ast.AST) -> set[str]:
    """Return the names that a file defines, those that its classes set on themselves included."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            found.add(node.attr)
    return found


def _hidden() -> Iterator[tuple[str, str]]:
    for module in pkgutil.walk_packages([str(PACKAGE)], "rocketvpn_sdk."):
        if module.name.endswith("__main__"):
            continue
        for kind in vars(import_module(module.name)).values():
            if isinstance(kind, type) and kind.__module__ == module.name:
                file = Path(inspect.getfile(kind)).relative_to(PACKAGE).as_posix()
                yield from ((file, name) for name in hides(kind))


def hides(kind: type) -> set[str]:
    """Return the private names of ``kind`` that a class of somebody else below it uses as well."""
    bases = [base for base in kind.__mro__[1:] if base.__module__.partition(".")[0] not in _HARMLESS]
    return {name for base in bases for name in _names_in(kind) & _names_in(base)} - {"_abc_impl"}


@functools.cache
def _names_in(kind: type) -> set[str]:
    try:
        set_on_self = re.findall(r"\bself\.(_\w+)", inspect.getsource(kind))
    except (OSError, TypeError):  # it is written in C
        set_on_self = []
    return {name for name in (*vars(kind), *set_on_self) if _is_private(name)}


def _files() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def _is_foreign(module: str) -> bool:
    top, *rest = module.split(".")
    return top not in ("rocketvpn_sdk", "__future__") and any(map(_is_private, (top, *rest)))


def _is_private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")
