"""Rules out most patterns for a line with cheap substring tests, before any regular expression runs.

A line is rewritten into a few views. In an outline, say, every digit is ``0``, so many addresses contain ``.00.``. A
prefilter may let a pattern run in vain; it never rules out one that would match.
"""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters, ascii_lowercase, digits, hexdigits
from typing import NamedTuple

_SEPARATORS = " )(/-"


class Prefilter(NamedTuple):
    """A necessary condition for a match: one of ``pieces`` occurs in the view ``view`` of the line."""

    view: int
    pieces: tuple[str, ...]


def _table(*classes: tuple[str, str]) -> bytes:
    """Return a table for ``bytes.translate`` that replaces every character of a class by the class's first."""
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
"""Makes a view of a line, by ``Prefilter.view``; every character keeps its place."""
_PLAIN, _LOWER, _OUTLINED, _HEX, _RUN, _GROUPS, _COLONS = range(len(VIEWS))


def shape(text: bytes) -> bytes:
    """Return ``text`` with every digit as ``0``: texts of one shape pass the same prefilters."""
    return text.translate(_SHAPE)


def _prefilter(view: int, pieces: tuple[str, ...], allowed: str) -> Prefilter:
    """Make a prefilter; a piece with other letters and digits than ``allowed`` could never occur in the view.

    Digits are allowed nowhere but as ``0``: otherwise texts of one ``shape`` could differ.
    """
    for piece in pieces:
        if any(character.isalnum() and character not in allowed for character in piece):
            raise ValueError(f"{piece!r} cannot be looked for")
    return Prefilter(view, pieces)


def plain(*pieces: str) -> Prefilter:
    """Look for ``pieces`` as they are."""
    return _prefilter(_PLAIN, pieces, ascii_letters)


def lower(*pieces: str) -> Prefilter:
    """Look for ``pieces`` in any case."""
    return _prefilter(_LOWER, pieces, ascii_lowercase)


def outline(*pieces: str) -> Prefilter:
    """Look for ``pieces`` where a letter is ``x``, a digit ``0``, and ``[.]`` is ``...``."""
    return _prefilter(_OUTLINED, pieces, "x0")


def hexes(*pieces: str) -> Prefilter:
    """Look for ``pieces`` where a hexadecimal digit is ``h`` and any other letter ``x``."""
    return _prefilter(_HEX, pieces, "hx")


def runs(length: int) -> Prefilter:
    """Look for ``length`` letters, digits and joiners in a pattern."""
    return _prefilter(_RUN, ("x" * length,), "x")


def groups(*pieces: str) -> Prefilter:
    """Look for ``pieces`` where a digit is ``0``, a letter ``x``, and what separates groups of digits ``-``."""
    return _prefilter(_GROUPS, pieces, "x0")


def many_colons() -> Prefilter:
    """Look for two colons at once, or more of them than a time of day has."""
    return _prefilter(_COLONS, (":",), "")
