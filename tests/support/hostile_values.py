"""What an app's own mistakes, or a hostile app, could pass where a call wants something else."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import Mock

from support.app_events import SessionConnected


class Boom(Exception):
    """What the app's own code raises: no error of the SDK's, and not what any library of ours raises."""


def boom(*_: Any, **__: Any) -> NoReturn:
    raise Boom("a secret of the app's: swordfish")


class RaisingText(str):
    """A text whose every method raises."""

    __slots__ = ()
    __str__ = __len__ = __iter__ = encode = strip = partition = split = boom
    __eq__ = __hash__ = boom  # type: ignore[assignment] # raises, as all of it


class RaisingMapping(Mapping[Any, Any]):
    """A mapping that raises when it is read."""

    __getitem__ = __iter__ = __len__ = boom


class RaisingObject:
    """An object that raises whatever is asked of it."""

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __call__ = __fspath__ = __int__ = boom
    __eq__ = __hash__ = boom  # type: ignore[assignment] # raises, as all of it

    def __getattr__(self, name: str) -> NoReturn:
        boom(name)


class RaisingZone(tzinfo):
    """A time zone that raises."""

    utcoffset = dst = tzname = boom


class Colour(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    LOGS = "logs"


class Lying:
    """An object that raises when it is asked for its class, as ``isinstance`` does."""

    @property
    def __class__(self) -> Any:  # type: ignore[override] # the lie itself
        boom()


class OtherPath(type(Path())):  # type: ignore[misc] # the system's own class of paths
    """A path of the app's own that is none when it is used."""

    absolute = __fspath__ = boom


class Triples(Mapping[Any, Any]):
    """A mapping whose items are no pairs."""

    __getitem__ = __iter__ = __len__ = boom

    def items(self) -> Any:
        return [("a", "b", "c")]


class NoItems(Triples):
    """A mapping whose ``items`` cannot even be looked up."""

    @property
    def items(self) -> Any:
        boom()


def _raising_items() -> Iterator[Any]:
    yield "first"
    boom()


def _endless() -> list[Any]:
    nested: list[Any] = []
    nested.append(nested)
    return nested


def _deep() -> Any:
    nested: Any = "in"
    for _ in range(5000):
        nested = [nested]
    return nested


def hostile_values() -> dict[str, Any]:
    """Return new ones, by a name for the test's message."""
    return {
        "None": None,
        "no text": "",
        "blank": " ",
        "NUL": "a\0b",
        "half a character": "a\ud800b",
        "right to left": "\u202eabc",
        "very long text": "x" * 300_000,
        "text that raises": RaisingText("en"),
        "a StrEnum": Word.LOGS,
        "bytes": b"bytes\xff",
        "zero": 0,
        "minus one": -1,
        "thirty digits": 10**30,
        "five thousand digits": 10**5000,
        "True": True,
        "1.5": 1.5,
        "nan": float("nan"),
        "inf": float("inf"),
        "an IntEnum": Colour.RED,
        "complex": 1j,
        "a text by its class alone": Mock(spec=str),
        "a number by its class alone": Mock(spec=int),
        "a path by its class alone": Mock(spec=Path),
        "endless list": itertools.repeat("x"),
        "mapping of triples": Triples(),
        "mapping without items": NoItems(),
        "object that lies about its class": Lying(),
        "path of another class": OtherPath("elsewhere"),
        "empty list": [],
        "list": ["x", 1, None],
        "list in itself": _endless(),
        "deep list": _deep(),
        "iterator that raises": _raising_items(),
        "empty mapping": {},
        "mapping with a number": {1: 2},
        "mapping": {"contact_email": {"a": object()}},
        "mapping that raises": RaisingMapping(),
        "object": object(),
        "object that raises": RaisingObject(),
        "function that raises": boom,
        "class": SessionConnected,
        "exception": ValueError("x"),
        "first time": datetime.min.replace(tzinfo=UTC),
        "last time": datetime.max.replace(tzinfo=UTC),
        "local time": datetime(2027, 1, 1),  # noqa: DTZ001 - the mistake itself
        "time of a zone that raises": datetime(2027, 1, 1, tzinfo=RaisingZone()),
        "duration": timedelta.max,
        "path": Path("somewhere/else"),
        "path with NUL": Path("/tmp/a\0b"),
        "path with half a character": Path("/tmp/a\ud800b"),
        "path in a device": Path("/dev/full"),
        "long path": Path("/" + "a" * 5000),
    }


def few_values() -> dict[str, Any]:
    """Return those of ``hostile_values`` that have found most."""
    names = ("None", "text that raises", "half a character", "five thousand digits", "nan", "list", "mapping", "object")
    return {name: value for name, value in hostile_values().items() if name in names}
