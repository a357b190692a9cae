"""Checks what an app passes in against the annotations of the public calls.

Touches: nothing. Start with ``checked``.

A value of the wrong type would fail somewhere deep inside, as an error of Python's or of another library's; checked
here, it is an error of ours that names the argument.
"""

from __future__ import annotations

import math
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, wraps
from itertools import islice
from operator import is_
from pathlib import Path
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

import msgspec

from rocketvpn_sdk.errors import ValueRefused

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)

_LARGEST = 2**63 - 1
_MOST = 10_000
"""Parts of a list or mapping; more would only cost memory."""


class Unfit(Exception):
    """A value does not fit; ``problem`` says why, and is empty if it is of another type."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        super().__init__(problem)


class Kind(NamedTuple):
    """What an argument may be."""

    wanted: str
    """What an error calls it: "a text"."""
    fit: Callable[[Any], Any]
    """Returns the value to go on with, or raises ``Unfit``, or whatever the app's own value raises."""

    def checked(self, value: Any) -> Any:
        """Return ``value``, or the plain copy of it that a call goes on with, which nobody can alter meanwhile.

        Raises:
            Unfit: it is not of this kind; with a problem, a clause such as "it must be a text".
        """
        try:
            return self.fit(value)
        except Unfit as unfit:
            raise Unfit(unfit.problem or f"it must be {self.wanted}") from None
        except Exception as error:  # noqa: BLE001 - a value of the app's own may raise anything when it is looked at
            raise Unfit(f"it cannot be looked at ({type(error).__name__})") from None


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of every call of ``function`` against its annotations.

    Whether there are too many or too few is left to Python and its ``TypeError``.

    Raises:
        ValueRefused: (what is returned raises it) an argument is not what its annotation says.
    """
    positions = _positions(function)

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        kinds = _kinds(function)
        fitted = [
            fitting(name, value, kinds[name]) if name in kinds else value
            for name, value in zip(positions, arguments, strict=False)
        ]
        also = {name: fitting(name, value, kinds[name]) if name in kinds else value for name, value in named.items()}
        return function(*fitted, *arguments[len(fitted) :], **also)  # type: ignore[arg-type] # the same ones, looked at

    return call


def checks_arguments(owner: C) -> C:
    """Check the arguments of every public method of a class, as ``checked`` does."""
    for name, member in list(vars(owner).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, classmethod | staticmethod):
            setattr(owner, name, type(member)(checked(member.__func__)))
        elif isinstance(member, types.FunctionType):
            setattr(owner, name, checked(member))
    return owner


def fitting(name: str, value: Any, kind: Kind) -> Any:
    """Return an argument as ``Kind.checked`` does.

    Raises:
        ValueRefused: it is not of this kind.
    """
    try:
        return kind.checked(value)
    except Unfit as unfit:
        raise ValueRefused(name=name, problem=unfit.problem) from None


def kind_of(hint: Any) -> Kind:
    """Return what an annotation allows."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in _BY_ORIGIN:
        return _BY_ORIGIN[origin](parts)
    if isinstance(hint, TypeVar):
        return kind_of(hint.__bound__)
    if hint in _PLAIN:
        return _PLAIN[hint]
    plain = origin or hint
    checks_itself = hasattr(plain, "__post_init__")
    return _struct(plain) if issubclass(plain, msgspec.Struct) and not checks_itself else _instance(plain)


def _positions(function: Callable[..., Any]) -> tuple[str, ...]:
    code = typing.cast(types.FunctionType, function).__code__
    return code.co_varnames[: code.co_argcount]


@cache
def kinds_of(struct: type[msgspec.Struct]) -> dict[str, Kind]:
    """Return what each field of a struct may be, by its annotation."""
    hints = typing.get_type_hints(struct)
    return {field.name: kind_of(hints[field.name]) for field in msgspec.structs.fields(struct)}


@cache
def _kinds(function: Callable[..., Any]) -> dict[str, Kind]:
    """Return what each argument may be. What the function returns is left out: its name may not be loaded."""

    def arguments() -> None: ...

    arguments.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    hints = typing.get_type_hints(arguments, typing.cast(types.FunctionType, function).__globals__)
    return {name: kind_of(hint) for name, hint in hints.items()}


# ---------------------------------------------------------------- the kinds


def _accepting(accepts: Callable[[Any], bool]) -> Callable[[Any], Any]:
    def fit(value: Any) -> Any:
        if not accepts(value):
            raise Unfit
        return value

    return fit


def _instance(kind: type) -> Kind:
    article = "an" if kind.__name__[0] in "AEIO" else "a"
    return Kind(f"{article} {kind.__name__}", _accepting(lambda value: isinstance(value, kind)))


def _struct(kind: type[msgspec.Struct]) -> Kind:
    """Return a value of ours that the app hands back: a copy of it can hold anything, so its fields are checked too."""
    whole = _instance(kind)

    def fit(value: Any) -> Any:
        whole.fit(value)
        other, own = {}, typing.cast(type[msgspec.Struct], type(value))
        for name, held in kinds_of(own).items():
            was = getattr(value, name)
            try:
                now = held.checked(was)
            except Unfit as unfit:
                raise Unfit(f"its {name!r} was altered: {unfit.problem}") from None
            if now is not was:
                other[name] = now
        return msgspec.structs.replace(value, **other) if other else value

    return Kind(whole.wanted, fit)


def _class_below(parts: tuple[Any, ...]) -> Kind:
    bound: Any = parts[0].__bound__ if isinstance(parts[0], TypeVar) else parts[0]
    below = _accepting(lambda value: isinstance(value, type) and issubclass(value, bound))
    return Kind(f"a class derived from {bound.__name__}", below)


def _one_of(values: tuple[str | int, ...]) -> Kind:
    def fit(value: Any) -> Any:
        plain = _text(value) if isinstance(value, str) else _whole_number(value)
        if plain not in values:
            raise Unfit
        return plain

    return Kind(f"one of {', '.join(map(str, values))}", fit)


def _either(parts: tuple[Any, ...]) -> Kind:
    kinds = [kind_of(part) for part in parts]

    def fit(value: Any) -> Any:
        problem = ""
        for kind in kinds:
            try:
                return kind.fit(value)
            except Unfit as unfit:
                problem = problem or unfit.problem
        raise Unfit(problem)

    return Kind(" or ".join(kind.wanted for kind in kinds if kind is not _NONE), fit)


def _mapping(parts: tuple[Any, ...]) -> Kind:
    key, held = kind_of(parts[0]), kind_of(parts[1])

    def fit(value: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise Unfit
        return {key.fit(name): held.fit(value) for name, value in _listed(value.items())}

    return Kind(f"a mapping from {key.wanted} to {held.wanted}", fit)


def _several(parts: tuple[Any, ...]) -> Kind:
    kind = kind_of(parts[0])

    def fit(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise Unfit
        fitted = tuple(kind.fit(each) for each in _listed(value))
        return value if type(value) is tuple and all(map(is_, fitted, value)) else fitted

    return Kind(f"a list, each {kind.wanted}", fit)


def _listed(values: Iterable[Any]) -> list[Any]:
    listed = list(islice(values, _MOST + 1))
    if len(listed) > _MOST:
        raise Unfit("it has too many parts")
    return listed


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("it is not valid Unicode") from None
    return text


def _whole_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unfit
    number = int.__int__(value)
    if not -_LARGEST <= number <= _LARGEST:
        raise Unfit("it is too large")
    return number


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unfit
    try:
        number = float.__float__(value) if isinstance(value, float) else float(int.__int__(value))
    except OverflowError:
        number = math.inf
    if not 0 <= number < math.inf:
        raise Unfit("it must be 0 or more, and finite")
    return number


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise Unfit
    if value.tzinfo is None or value.utcoffset() is None:
        raise Unfit("it has no time zone")
    there = datetime.fromtimestamp(value.timestamp(), UTC)
    return value if value.tzinfo is UTC else there


def _path(value: Any) -> Path:
    if not isinstance(value, Path):
        raise Unfit
    return value if type(value) is type(Path()) else Path(os.fspath(value))


_BY_ORIGIN: dict[Any, Callable[[tuple[Any, ...]], Kind]] = {
    Literal: _one_of,
    types.UnionType: _either,
    typing.Union: _either,
    type: _class_below,
    Callable: lambda _: Kind("a function", _accepting(callable)),
    Mapping: _mapping,
    dict: _mapping,
    Sequence: _several,
    Iterable: _several,
    tuple: _several,
}
_NONE = Kind("None", _accepting(lambda value: value is None))
_PLAIN: dict[Any, Kind] = {
    Any: Kind("anything", lambda value: value),
    str: Kind("a text", _text),
    bool: Kind("True or False", _accepting(lambda value: isinstance(value, bool))),
    int: Kind("a whole number", _whole_number),
    float: Kind("a number", _number),
    datetime: Kind("a datetime", _time),
    Path: Kind("a pathlib.Path", _path),
    type(None): _NONE,
}
OPTIONAL_TEXT = kind_of(str | None)
"""What a function of the app's own returns that asks for a code or a proxy."""
