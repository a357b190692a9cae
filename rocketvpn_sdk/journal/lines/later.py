"""Arguments that are settled when a line is sealed: by then the app's code was read, and the key is there."""

from __future__ import annotations

import enum
import errno
from typing import TYPE_CHECKING, Any

import msgspec

from rocketvpn_sdk.journal.lines import modules
from rocketvpn_sdk.journal.lines.places import Frame
from rocketvpn_sdk.policy.minimise import KEY_BYTES, pseudonym

if TYPE_CHECKING:
    from collections.abc import Callable

_LABEL = "log"
_HASH_LETTERS = 12
"""60 bits: enough that two values of one log are not taken for each other."""
_UNNAMED = "[error]"


class Later(msgspec.Struct, frozen=True):
    """The base of what is settled when a line is sealed."""

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return the text.

        Args:
            known: takes what the device knows of itself out of a text.
            key: the key for hashes; ``None``: there is none, so no hash either.
        """
        raise NotImplementedError  # each kind says it


class PublicText(Later, frozen=True):
    """A public text, from which what the device knows is still taken out."""

    text: str

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return the text without it."""
        del key
        return known(self.text)


class Hash(Later, frozen=True):
    """A text that is kept as its keyed hash."""

    text: str

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return the hash; without a key, that there was one."""
        del known
        if key is None or len(key) != KEY_BYTES:
            return "[hashed]"
        return f"[hash:{pseudonym(_LABEL, self.text, key)[:_HASH_LETTERS]}]"


class Member(Later, frozen=True):
    """A member of an enumeration; it stays if both names are written in code."""

    kind: Any
    name: str

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return ``Class.MEMBER``."""
        del known, key
        owner = modules.class_name(self.kind)
        if (
            owner is None
            or not issubclass(self.kind, enum.Enum)
            or not modules.defines(self.kind, self.name.split("|"))
        ):
            return "[member]"
        return f"{owner.rpartition('.')[2]}.{self.name}"


class TypeName(Later, frozen=True):
    """A type of exceptions: its name stays if it is found under it in a module."""

    kind: Any

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return the name, or that of the nearest base that has one."""
        del known, key
        return error_name(self.kind)


def error_name(kind: type) -> str:
    """Return ``module.Class`` of a type of exceptions, or of its nearest base that is found in its module."""
    for base in type.mro(kind):
        name = modules.class_name(base)
        if name is not None:
            return name.removeprefix("builtins.") if issubclass(base, BaseException) else _UNNAMED
    return _UNNAMED


class ErrorPart(Later, frozen=True):
    """An exception, as an argument or as a cause."""

    kind: Any
    text: str | None
    """Its only argument, which stays if it is written in the statement that raised it."""
    parts: tuple[Any, ...]
    raised: Frame | None

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return its type, with its text or what is left of its arguments."""
        name = error_name(self.kind)
        if self.text is not None and self.raised is not None and self.raised.has_literally(self.text):
            return f"{name}: {known(self.text)}"
        said = [part.settled(known, key) if isinstance(part, Later) else str(part) for part in self.parts]
        if said and issubclass(self.kind, OSError) and type(self.parts[0]) is int:
            said[0] = f"{said[0]} {errno.errorcode.get(self.parts[0], '')}".rstrip()
        return f"{name}({', '.join(said)})"
