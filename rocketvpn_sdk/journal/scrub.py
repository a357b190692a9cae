"""Free text, such as a log line, without what is personal in it (C2).

What is looked for stands in ``patterns.py``. Here its rows become one expression that walks over a text word by word and
stops at the first place where a row fits. Scrubbing never raises: what it cannot work through is not stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from rocketvpn_sdk.journal.patterns import PATTERNS
from rocketvpn_sdk.journal.shapes import NOT_INSIDE_WORD, Row, openings

UNREADABLE = "[unreadable]"
REMOVED = "[removed]"
"""Stands where one of a scrubber's known values was."""

_SHORTEST_KNOWN = 3
_INVISIBLE = {
    ord(mark): None
    for mark in "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
}
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[@-_])")

# One step of the walk where no row fits: a piece of a word, a line break as `repr` writes it, or any other character.
_STEP = r"(?:\\[nrt]|[a-z]++|[0-9]++|[A-Z]++|[^\\a-z0-9A-Z]|\\)"
_step = re.compile(_STEP).match
_rest_of_run = re.compile(r"[A-Za-z0-9+/_=-]*+").match


def _choice(rows: Iterable[Row], named: bool) -> str:
    """Return one expression for ``rows``; if ``named``, each ends in a group of its name, which tells which one fitted."""
    if named:
        return "|".join(f"(?:{row.whole})(?P<{row.name}>)" for row in rows)
    return "|".join(row.whole.replace("()", "") for row in rows)


def _found(opening: str, named: bool) -> str:
    """Return the expression for any row, at the places where it may begin."""
    anywhere = _choice((row for row in PATTERNS if row.anywhere), named)
    after = _choice((row for row in PATTERNS if row.after), named)
    word = _choice((row for row in PATTERNS if not row.after and not row.anywhere), named)
    return rf"(?:{anywhere}|{NOT_INSIDE_WORD}(?:(?={opening})(?:{after})|{word}))"


def _walk() -> str:
    """Return the expression that skips what no row fits, and then matches one.

    Most words of most lines are plain: short, followed by nothing that joins, and not the opening of a name that a row
    waits for. They, plain numbers and most punctuation are skipped without asking any row: that is where the speed is.
    """
    opening = openings(name for row in PATTERNS for name in row.after)
    plain = (
        rf"{NOT_INSIDE_WORD}(?!{opening})(?:[A-Z]?[a-z]{{1,20}}+|[A-Z]{{1,20}}+)\d{{0,2}}+"
        r"(?![\w.@%\\+/’'。-]|\[\.|:[/:0-9A-Fa-f])"
        r"|(?<![\w.:/+-])\d{1,4}+(?:\.\d{1,3}+)?(?![\w.:@%+/。-]|\[\.| \d)"
        r"|(?:[ ,;=)<>{}|!?*#&$^.@'\]_]|:(?!:)|-(?!-)|\((?!\d))++"
    )
    return rf"(?:{plain}|(?!{_found(opening, False)}){_STEP})*+{_found(opening, True)}"


class Scrubber:
    def __init__(self, own_hosts=frozenset(), known=()):
        self._own = frozenset(h.lower() for h in own_hosts)
        self._search = re.compile(_walk()).match
        self._rows = {row.name: row for row in PATTERNS}
        self._marked = {row.name for row in PATTERNS if "()" in row.regex}

    def scrub(self, text):
        try:
            return self._scrub(text)
        except Exception:
            return UNREADABLE

    def _scrub(self, text):
        out = []
        done = 0
        pos = 0
        while m := self._search(text, pos):
            row = self._rows[m.lastgroup]
            i = m.lastindex
            if row.name in self._marked:
                start = m.end(i - 1)
            else:
                raise NotImplementedError
            pos = m.end()
        return text
