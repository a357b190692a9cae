"""What stands in the code of a module, as it was shipped: its texts, and the names it gives. Read once per module.

Code that the running program makes (``exec``, ``eval``, a changed ``__code__``) is never asked: a module's own loader
gives the code, or its source file does. What cannot be read holds nothing, so everything of it is masked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import msgspec

LONGEST = 1000
"""Characters of a text that counts as one of a log line."""
TEXTS_MODULE = "_log_texts"
"""The module that ``rocketvpn lint-logs --write`` makes: what is compiled has no constants to look at."""
_LARGEST_SOURCE = 4 << 20
_MOST_MODULES = 2048
_LOADERS = frozenset({"_frozen_importlib", "_frozen_importlib_external", "zipimport", "pyimod02_importers"})
"""Where the loaders are defined whose code objects come from what was installed."""


class Written(msgspec.Struct, frozen=True):
    """What stands in a module's code."""

    strings: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """Of functions, classes, attributes and keywords; ``Class.NAME`` of what a class defines."""


_NOTHING = Written()
_read: dict[str, tuple[object, Written]] = {}


def written_in(globals_: Mapping[str, Any]) -> Written:
    """Return what stands in the code of the module whose namespace ``globals_`` is; nothing if it is none's."""
    name = dict.get(globals_, "__name__") if isinstance(globals_, dict) else None
    module = sys.modules.get(name) if type(name) is str else None
    if type(name) is not str or module is None or getattr(module, "__dict__", None) is not globals_:
        return _NOTHING
    spec = dict.get(globals_, "__spec__")
    known = _read.get(name)
    if known is None or known[0] is not spec:
        if len(_read) >= _MOST_MODULES:
            _read.clear()
        known = _read[name] = (spec, _written(module, name))
    return known[1]


def _written(module: ModuleType, name: str) -> Written:
    try:
        if "__compiled__" in vars(module):
            return _listed(name)
        code = _code_of(module, name)
        if code is not None:
            return written_in_code(code)
        return _listed(name) if getattr(sys, "frozen", False) else _NOTHING  # a frozen app's first script
    except Exception:  # noqa: BLE001 - a loader may raise anything; what it does not give is not known
        return _NOTHING


def _code_of(module: ModuleType, name: str) -> CodeType | None:
    spec = vars(module).get("__spec__")
    loader = vars(module).get("__loader__") or getattr(spec, "loader", None)
    kind = loader if isinstance(loader, type) else type(loader)
    get_code: Any = getattr(loader, "get_code", None)
    if get_code is not None and kind.__module__.rpartition(".")[2] in _LOADERS:
        code = get_code(getattr(spec, "name", None) or name)
        return code if type(code) is CodeType else None
    path = Path(str(vars(module).get("__file__")))
    if path.suffix != ".py" or path.stat().st_size > _LARGEST_SOURCE:
        return None
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)


def _listed(name: str) -> Written:
    """Return what ``rocketvpn lint-logs --write`` noted of module ``name``."""
    package, dot, _ = name.partition(".")
    try:
        noted = import_module(f"{package}.{TEXTS_MODULE}" if dot or _is_package(package) else TEXTS_MODULE)
    except ImportError:
        return _NOTHING
    return Written(frozenset(noted.TEXTS.get(name, ())), frozenset(noted.NAMES.get(name, ())))


def _is_package(name: str) -> bool:
    return hasattr(sys.modules.get(name), "__path__")


def written_in_code(code: CodeType) -> Written:
    """Return what stands in ``code`` and the code inside it."""
    names: set[str] = set()
    defined: set[str] = set()
    for inner in codes_in(code):
        names.update(inner.co_names, inner.co_varnames, (inner.co_name,))
        if "__qualname__" in inner.co_names:  # the body of a class
            defined.update(f"{inner.co_qualname}.{name}" for name in inner.co_names)
    strings = frozenset(strings_in(code))
    names = {name for name in names | strings if name.isidentifier() or name[:1] == "<"}
    return Written(strings, frozenset(names | defined))


def strings_in(code: CodeType) -> Iterator[str]:
    """Yield the string constants of ``code`` and the code inside it."""
    for inner in codes_in(code):
        yield from filter(_is_short, _strings(inner.co_consts))


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield ``code`` and the code objects inside it."""
    waiting = [code]
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting += [constant for constant in inner.co_consts if type(constant) is CodeType]


def _strings(constants: Iterable[object]) -> Iterator[str]:
    for constant in constants:
        if type(constant) is str:
            yield constant
        elif type(constant) in (tuple, frozenset):
            yield from _strings(constant)  # type: ignore[arg-type] # mypy does not narrow by type()


def _is_short(text: str) -> bool:
    return 0 < len(text) <= LONGEST


def is_text(text: str) -> bool:
    """Whether a constant can be a log line: several words, or a place for a value.

    A single word cannot, since a value could be equal to it by chance.
    """
    return " " in text.strip() or "%" in text or "{" in text


# ---------------------------------------------------------------- names


def class_name(kind: type) -> str | None:
    """Return ``module.Class`` if the class is found under that name in that module; else ``None``.

    A class that a function makes is not, so its name could be a value.
    """
    module, path = _type_text(kind, "__module__"), _type_text(kind, "__qualname__")
    found: Any = sys.modules.get(module) if module else None
    if not module or not path or found is None:
        return None
    for step in path.split("."):
        try:
            found = type.__getattribute__(found, "__dict__")[step] if isinstance(found, type) else vars(found)[step]
        except (KeyError, TypeError):
            return None
    if found is not kind or (not _is_standard(module) and not _names(module).issuperset(path.split("."))):
        return None
    return f"{module}.{path}"


def defines(kind: type, members: Iterable[str]) -> bool:
    """Return whether the code of class ``kind`` names each of ``members``; of the standard library's, those it has."""
    module, path = _type_text(kind, "__module__"), _type_text(kind, "__qualname__")
    if not module or not path:
        return False
    if _is_standard(module):
        held = type.__getattribute__(kind, "__dict__").get("_member_map_")
        return type(held) is dict and held.keys() >= set(members)
    return _names(module).issuperset(f"{path}.{member}" for member in members)


def _names(module: str) -> frozenset[str]:
    found = sys.modules.get(module)
    return frozenset() if found is None else written_in(vars(found)).names


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names and module != "__main__"


def _type_text(kind: type, name: str) -> str | None:
    """Return a text attribute of a class without asking its metaclass."""
    try:
        text = type.__dict__[name].__get__(kind)
    except (AttributeError, KeyError):
        return None
    return text if type(text) is str else None
