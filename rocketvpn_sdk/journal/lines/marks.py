"""What a developer says about one value of a log line: ``public``, ``private`` or ``hashed``."""

from __future__ import annotations

from typing import Any


class Mark:
    """A value with what its developer says about it. The journal treats a class derived from it as any object."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value: Any = value


class Public(Mark):
    """A value that says nothing about the user. For other handlers it is the value itself."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return repr(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        return int(self.value.__index__())


class _Covered(Mark):
    __slots__ = ()
    _shown = ""

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return self._shown

    def __format__(self, spec: str) -> str:
        return format(self._shown, spec) if spec.endswith("s") else self._shown


class Private(_Covered):
    """A value that no handler may show, even if it is a small number."""

    __slots__ = ()
    _shown = "[private]"


class Hashed(_Covered):
    """A value that only has to be recognised when it comes again."""

    __slots__ = ()
    _shown = "[hashed]"


def public(value: object) -> Public:
    """Return ``value`` marked as one that may stay in a log line; what the device knows of its user is still taken out.

    Mark what says nothing about a person: a version, the name of a server of yours. Never mark what a user typed, or
    where they connect from or to.
    """
    return Public(value)


def private(value: object) -> Private:
    """Return ``value`` marked as one that must not stay, whatever its type; ``%s`` shows ``[private]`` everywhere."""
    return Private(value)


def hashed(value: object) -> Hashed:
    """Return ``value`` marked as one to be recognised: the journal keeps a keyed hash of its text.

    Equal values have equal hashes within an epoch of the log (a day, if lines are kept for 14 days), on this device
    alone. The key is destroyed with the lines. Other handlers show ``[hashed]``.
    """
    return Hashed(value)
