"""What is left of one argument of a log line. Pure, and it calls no code of the value's own class.

A value of a type that is not listed, a subclass of a listed one included, becomes its kind: a subclass may do anything.
"""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Container
from functools import cache
from types import MappingProxyType
from typing import Any

from rocketvpn_sdk.journal.lines import modules
from rocketvpn_sdk.journal.lines.later import ErrorPart, Hash, Later, Member, PublicText, TypeName
from rocketvpn_sdk.journal.lines.marks import Hashed, Private, Public
from rocketvpn_sdk.journal.lines.places import frames_of

LARGEST = 10**6
"""Integers up to this one stay: counts, ports, status codes and milliseconds; identifiers are longer."""
LONGEST_PUBLIC = 1024
"""Characters of a value that is marked as public."""
_LONGEST_SHAPE = 255
_MOST_OF_ERROR = 8
"""Arguments kept of an exception."""

TEXT, NUMBER, OBJECT, HIDDEN = "[text]", "[number]", "[object]", "[private]"

_HEX = "[0-9A-Fa-f]"
_SHAPES = rf"""(?P<mac>{_HEX}{{2}}(?:[:-]{_HEX}{{2}}){{5}})
    |(?P<ip>\[?(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|(?=[^:]*:[^:]*:){_HEX}{{0,4}}(?::{_HEX}{{0,4}}){{2,7}}
           (?:\d{{0,3}}(?:\.\d{{1,3}}){{3}})?(?:%[\w.-]+)?)\]?(?:[:/]\d{{1,5}})?)
    |(?P<uuid>\{{?{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\}}?)
    |(?P<url>[A-Za-z][A-Za-z0-9+.-]{{1,20}}://.*)
    |(?P<email>[^@\s]+@[^@\s]+)
    |(?P<path>(?:~?/|[A-Za-z]:[\\/]|\\\\|~).*)
    |(?P<number>[+-]?\d[\d.,]*)
    |(?P<token>eyJ[\w.-]+)
    |(?P<key>{_HEX}{{16,}}|(?=\D*\d)[A-Za-z0-9+/_-]{{20,}}={{0,2}})
    |(?P<host>(?:[\w-]+\.)+[^\W\d]{{2,}}\.?(?::\d{{1,5}})?)"""

_KINDS: dict[type, str] = {
    bytes: "[bytes]",
    bytearray: "[bytes]",
    memoryview: "[bytes]",
    list: "[list]",
    tuple: "[list]",
    set: "[list]",
    frozenset: "[list]",
    dict: "[dict]",
    MappingProxyType: "[dict]",
    complex: NUMBER,
    Private: HIDDEN,
}
_LIBRARY: dict[str, tuple[tuple[str, str], ...]] = {
    "decimal": (("Decimal", NUMBER),),
    "fractions": (("Fraction", NUMBER),),
    "uuid": (("UUID", "[uuid]"),),
    "datetime": (("date", "[time]"), ("time", "[time]"), ("timedelta", "[time]")),
    "ipaddress": (("IPv4Address", "[ip]"), ("IPv6Address", "[ip]"), ("IPv4Network", "[ip]"), ("IPv6Network", "[ip]")),
    "pathlib": (("PurePath", "[path]"),),
}
"""Classes of Python's library, with what is derived from them; a module that nobody loaded has no values."""

Part = int | float | str | bool | Later | None
"""What stays: a number, a text that holds nothing personal, or what is settled on the thread that seals."""


@cache
def _shapes() -> re.Pattern[str]:
    """Compile the shapes at their first use, not at import."""
    return re.compile(_SHAPES, re.VERBOSE | re.DOTALL)


def kind_of(text: str) -> str:
    """Return the placeholder for ``text``, by its shape."""
    if len(text) > _LONGEST_SHAPE or text.isalpha():
        return TEXT
    match = _shapes().fullmatch(text)
    return f"[{match.lastgroup}]" if match else TEXT


def masked(value: object, words: Container[str]) -> Part:
    """Return what is left of ``value``.

    Args:
        value: an argument.
        words: the vocabulary of the policy: these texts stay.
    """
    kind = type(value)
    if kind is str:
        return value if value in words else kind_of(value)  # type: ignore[return-value, arg-type] # mypy does not narrow by type()
    if kind is int:
        return value if -LARGEST <= value <= LARGEST else NUMBER  # type: ignore[return-value, operator] # as above
    if kind is float:
        return rounded(value)  # type: ignore[arg-type] # as above
    if value is None or kind is bool:
        return value  # type: ignore[return-value] # as above
    return _other(value, kind)


def rounded(value: float) -> float:
    """Return ``value`` with three digits."""
    return float(f"{value:.3g}")


def _other(value: Any, kind: type) -> Part:
    if kind in _KINDS:
        return _KINDS[kind]
    if kind is Public:
        return _shown(value.value)
    if kind is Hashed:
        text = _text_of(value.value)
        return OBJECT if text is None else Hash(text)
    if issubclass(type(kind), enum.EnumMeta):
        name = object.__getattribute__(value, "_name_")
        return Member(kind, name) if type(name) is str else NUMBER
    if issubclass(kind, BaseException):
        return of_error(value, ())
    if issubclass(kind, type) and BaseException in type.mro(value):
        return TypeName(value)
    for module, classes in _LIBRARY.items():
        names = vars(sys.modules[module]) if module in sys.modules else {}
        for name, placeholder in classes:
            if isinstance(names.get(name), type) and issubclass(kind, names[name]):
                return placeholder
    return NUMBER if issubclass(kind, int | float) else TEXT if issubclass(kind, str) else OBJECT


def _shown(value: Any) -> Part:
    """Return a public value; a text still goes without what the device knows."""
    if value is None or type(value) in (int, float, bool):
        return value if type(value) is not int or value.bit_length() < LONGEST_PUBLIC else NUMBER
    text = _text_of(value)
    return OBJECT if text is None else PublicText(text[:LONGEST_PUBLIC])


def _text_of(value: Any) -> str | None:
    """Return the text of a marked value, or ``None`` if it has none; its class may run, since its developer asked."""
    try:
        text = value if type(value) is str else str(value)
        return text if type(text) is str else str.__str__(text)
    except Exception:  # noqa: BLE001 - the app's own code may raise anything, RecursionError too
        return None


def of_error(error: BaseException, words: Container[str]) -> ErrorPart:
    """Return what is left of ``error``, without asking its class."""
    arguments: Any = BaseException.args.__get__(error)  # type: ignore[attr-defined] # a getset descriptor
    first = arguments[0] if len(arguments) == 1 else None
    parts = tuple(
        OBJECT if isinstance(type(value), type) and issubclass(type(value), BaseException) else masked(value, words)
        for value in arguments[:_MOST_OF_ERROR]
    )
    text = first if type(first) is str and len(first) <= modules.LONGEST else None
    frames = frames_of(vars(BaseException)["__traceback__"].__get__(error))
    return ErrorPart(type(error), text, parts, frames[-1] if frames else None)
