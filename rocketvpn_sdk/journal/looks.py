"""A quick look at a line before any regular expression runs: drawn in a few ways in which short pieces tell much.

In an outline, say, every digit is ``0``, so that ``.00.`` stands in the middle of many addresses. A look may be wrong
in one way only: it may see something where nothing is.
"""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters, ascii_lowercase, digits, hexdigits
from typing import NamedTuple

_SEPARATORS = " )(/-"


class Gate(NamedTuple):
    """What stands in every text that a row finds something in: any of ``pieces``, in the drawing ``view``."""

    view: int
    pieces: tuple[str, ...]


def _table(*classes: tuple[str, str]) -> bytes:
    """Return a table for ``bytes.translate`` that draws all the characters of a class as its first."""
    table = bytearray(range(256))
    for drawn, characters in classes:
        for character in characters:
            table[ord(character)] = ord(drawn)
    return bytes(table)


_OTHER_LETTERS = "".join(sorted(set(ascii_letters) - set(hexdigits)))
_OUTLINE = _table(("0", digits), ("x", ascii_letters + "?"))  # `?` stands for a letter of another script
_HEXES = _table(("h", hexdigits), ("x", _OTHER_LETTERS))
_RUNS = _table(("x", ascii_letters + digits + "+/_-"))
_GROUPED = _table(("0", digits), ("x", ascii_letters), ("-", _SEPARATORS))
_SHAPE = _table(("0", digits))
_FEWEST_COLONS = 4
"""A time of day has fewer, an address without ``::`` has more."""


def _outline(text: bytes) -> str:
    return text.translate(_OUTLINE).decode("ascii").replace("[.]", "...")


def _drawn(table: bytes) -> Callable[[bytes], str]:
    return lambda text: text.translate(table).decode("ascii")


def _colons(text: bytes) -> str:
    plain = text.decode("ascii")
    return plain if "::" in plain or plain.count(":") >= _FEWEST_COLONS else ""


VIEWS: tuple[Callable[[bytes], str], ...] = (
    lambda text: text.decode("ascii"),
    lambda text: text.decode("ascii").lower(),
    _outline,
    _drawn(_HEXES),
    _drawn(_RUNS),
    _drawn(_GROUPED),
    _colons,
)
"""How a line is drawn, for each ``Gate.view``; every character keeps its place."""
_PLAIN, _LOWER, _OUTLINED, _HEX, _RUN, _GROUPS, _COLONS = range(len(VIEWS))


def shape(text: bytes) -> bytes:
    """Return ``text`` with every digit as ``0``: texts of one shape have the same gates open."""
    return text.translate(_SHAPE)


def _gate(view: int, pieces: tuple[str, ...], allowed: str) -> Gate:
    """Make a gate; a piece with other letters and digits than ``allowed`` could never stand in the drawing.

    Digits are allowed nowhere but as ``0``: otherwise texts of one ``shape`` could differ.
    """
    for piece in pieces:
        if any(character.isalnum() and character not in allowed for character in piece):
            raise ValueError(f"{piece!r} cannot be looked for")
    return Gate(view, pieces)


def plain(*pieces: str) -> Gate:
    """Look for ``pieces`` as they are."""
    return _gate(_PLAIN, pieces, ascii_letters)


def lower(*pieces: str) -> Gate:
    """Look for ``pieces`` in any case."""
    return _gate(_LOWER, pieces, ascii_lowercase)


def outline(*pieces: str) -> Gate:
    """Look for ``pieces`` where a letter is ``x``, a digit ``0``, and ``[.]`` is ``...``."""
    return _gate(_OUTLINED, pieces, "x0")


def hexes(*pieces: str) -> Gate:
    """Look for ``pieces`` where a hexadecimal digit is ``h`` and any other letter ``x``."""
    return _gate(_HEX, pieces, "hx")


def runs(length: int) -> Gate:
    """Look for ``length`` letters, digits and joiners in a row."""
    return _gate(_RUN, ("x" * length,), "x")


def groups(*pieces: str) -> Gate:
    """Look for ``pieces`` where a digit is ``0``, a letter ``x``, and what separates groups of digits ``-``."""
    return _gate(_GROUPS, pieces, "x0")


def many_colons() -> Gate:
    """Look for two colons at once, or more of them than a time of day has."""
    return _gate(_COLONS, (":",), "")
