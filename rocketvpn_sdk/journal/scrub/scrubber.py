"""Works through the table of patterns: what each finds in a text is replaced by its placeholder.

A pattern with names is tried at the places where one of them stands; any other, if the text has what it needs.
Scrubbing never raises: a text that it cannot work through is not stored.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from rocketvpn_sdk.journal.known import Known
from rocketvpn_sdk.journal.layers import layers, plain
from rocketvpn_sdk.journal.scrub.pattern import keys, named
from rocketvpn_sdk.journal.scrub.table import PATTERNS
from rocketvpn_sdk.journal.scrub.validators import Judge
from rocketvpn_sdk.masking import OneHolder

UNREADABLE = "[unreadable]"
REMOVED = "[removed]"
"""Stands where one of a scrubber's known values was, unless a pattern says which kind of value it is."""

_LETTER = re.compile(r"[\w\s]")
_CAMEL = re.compile(r"[a-z][A-Z]")
_IN_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# For `bytes.translate`, the quickest way to see what a line is made of. Bytes from 128 on count as letters.
_LETTERS = bytes(byte if byte >= 128 or chr(byte).isalpha() else 32 for byte in range(256))
_OUTLINE = bytes(
    ord("D") if 48 <= byte < 58 else ord("L") if letter != 32 else byte for byte, letter in enumerate(_LETTERS)
)
_RUNS = bytes(
    ord("R") if byte < 128 and (chr(byte).isalnum() or chr(byte) in "+/_-") else min(byte, 126) for byte in range(256)
)
_NO_MARKS = bytes(byte for byte in range(256) if byte >= 128 or chr(byte).isalnum() or chr(byte).isspace())
_FIRST_UNSPACED = "\u2e80"
"""From here on, Unicode has the scripts that put no spaces between words; names are looked for inside their words."""
_MOST_MARKS = 64
_LONGEST_JUDGED = 256
_KNOWN = len(PATTERNS)
"""Takes the place of a pattern's number in findings of known values."""

_Finding = tuple[int, int, int]
"""Start of a match, the number of its pattern, and its end; a pattern without a placeholder marks harmless text."""


class _Search(NamedTuple):
    """A compiled pattern."""

    pattern: int
    expression: re.Pattern[str]
    judge: Judge | None
    marked: bool
    """Whether its first group stands where the personal part begins; else that is where the match begins."""


@cache
def _search(number: int, key: str = "") -> _Search:
    """Compile pattern ``number``, with those of its names that go with ``key``: at its first use, not at import."""
    pattern = PATTERNS[number]
    names = [name for name in pattern.after if key in keys(name)]
    expression = re.compile((named(names) if names else "") + pattern.regex)
    return _Search(number, expression, pattern.judge, expression.groups == 1)


@cache
def _searches(key: bytes) -> tuple[_Search, ...]:
    """Return the patterns to try where ``key`` stands."""
    name = key.decode()
    return tuple(_search(number, name) for number, pattern in enumerate(PATTERNS) if name in _keys_of(pattern.after))


@lru_cache(maxsize=4096)
def _unnamed(marks: bytes, words: frozenset[bytes]) -> tuple[tuple[_Search, tuple[str, ...]], ...]:
    """Return the patterns without names that a text may match, each with pieces, one of which it needs.

    Args:
        marks: the characters of the text but letters, digits and spaces; if they are too many, many of each.
        words: those of the needed words that are in it.
    """
    found: list[tuple[_Search, tuple[str, ...]]] = []
    for number, pattern in enumerate(PATTERNS):
        pieces = [
            piece
            for piece in pattern.needs
            if all(marks.count(each) >= piece.count(chr(each)) for each in _marks(piece.encode()))
        ]
        if pieces or any(word.encode() in words for word in pattern.words):
            certain = not pieces or any(not _LETTER.search(piece) for piece in pieces)
            found.append((_search(number), ("",) if certain else tuple(pieces)))
    return tuple(found)


def _marks(text: bytes) -> bytes:
    return text.translate(None, _NO_MARKS)


def _keys_of(names: Iterable[str]) -> set[str]:
    return {key for name in names for key in keys(name)}


_KEYS = frozenset(key.encode() for pattern in PATTERNS for key in _keys_of(pattern.after))
_UNSPACED = frozenset(key for key in _KEYS if key.decode() >= _FIRST_UNSPACED)
_NEEDED_WORDS = frozenset(word.encode() for pattern in PATTERNS for word in pattern.words)
_KEPT = frozenset(number for number, pattern in enumerate(PATTERNS) if not pattern.placeholder)
_ALWAYS = frozenset({_KNOWN, *(number for number, pattern in enumerate(PATTERNS) if pattern.after)})
_PLACEHOLDERS = (*(pattern.placeholder for pattern in PATTERNS), REMOVED)
_PLACED = re.compile(rf"(?:{'|'.join(map(re.escape, filter(None, sorted(set(_PLACEHOLDERS)))))})(?![\w-])")


class Scrubber(OneHolder):
    """Takes what is personal out of texts. Made once; thread-safe.

    Args:
        own_hosts: the operator's host names, which stay.
        known: values to take out wherever they stand, such as the order number, the device id, the e-mail address; or
            where they are kept up to date.
    """

    __slots__ = ("_own", "known")

    def __init__(self, own_hosts: frozenset[str] = frozenset(), known: Iterable[str] | Known = ()) -> None:
        self._own = frozenset(host.lower().rstrip(".") for host in own_hosts)
        self.known = known if isinstance(known, Known) else Known(known)

    def scrub(self, text: str) -> str:
        """Return ``text`` with a placeholder, such as ``[ip]``, for everything personal in it; never raises."""
        try:
            if not text.isascii() or "\x1b" in text:
                text = plain(text)
            findings = [(start, _KNOWN, end) for start, end in self.known.find(text)]
            for layer, places in layers(text):
                found = self._findings(layer)
                if places is not None:
                    found = [(places[start], number, places[end]) for start, number, end in found]
                findings += found
            return _replaced(text, findings) if findings else text
        except Exception:  # noqa: BLE001  (whatever went wrong, the text must not be kept, nor the app's call fail)
            return UNREADABLE

    def _findings(self, text: str) -> list[_Finding]:
        findings: list[_Finding] = []
        low = text.lower()
        data = low.encode()
        words = set(data.translate(_LETTERS).split())
        if _CAMEL.search(text):
            words.update(word.lower().encode() for word in _IN_CAMEL.findall(text))
        if not data.isascii():
            words.update(key for key in _UNSPACED if key in data)
        for key in _KEYS.intersection(words):
            self._add_named(text, low, key, findings)
        marks = _marks(data)
        if len(marks) > _MOST_MARKS:
            marks = bytes(sorted([*set(marks)] * _MOST_MARKS))
        seen = f"{low}\n{data.translate(_OUTLINE).decode()}\n{data.translate(_RUNS).decode()}"
        for search, pieces in _unnamed(marks, _NEEDED_WORDS.intersection(words)):
            for piece in pieces:
                if piece in seen:
                    for match in search.expression.finditer(text):
                        self._judge(text, match, search, findings)
                    break
        return findings

    def _add_named(self, text: str, low: str, key: bytes, findings: list[_Finding]) -> None:
        """Add what the patterns of ``key`` find where it stands in ``text``; ``low`` is that in lower case."""
        name = key.decode()
        place = low.find(name)
        while place >= 0:
            end = place + len(name)
            if _begins_word(text, place) and not (place and _PLACED.match(text, place - 1)):
                for search in _searches(key):
                    match = search.expression.match(text, place)
                    # No state and no mask is long: a long value is taken as one, and its inside is not tried again.
                    if match and self._judge(text, match, search, findings, _LONGEST_JUDGED):
                        end = max(end, match.end())
            place = low.find(name, end)

    def _judge(
        self, text: str, match: re.Match[str], search: _Search, findings: list[_Finding], longest: int = sys.maxsize
    ) -> bool:
        """Add ``match`` to ``findings``, unless it is found to be nothing personal; what is longer is not judged."""
        start, end = match.end(1) if search.marked else match.start(), match.end()
        if end - start <= longest:
            if text.startswith("[", start) and _PLACED.match(text, start):  # it was scrubbed before
                return False
            if search.judge is not None and not search.judge(text[start:end], text[start - 1 : start], self._own):
                return False
        findings.append((start, search.pattern, end))
        return True


def _begins_word(text: str, place: int) -> bool:
    before, first = text[place - 1 : place], text[place]
    if first >= _FIRST_UNSPACED:
        return True
    return first.isupper() and not before.isupper() if before.isalnum() else before != "!"


def _replaced(text: str, findings: list[_Finding]) -> str:
    """Return ``text`` with placeholders for ``findings``; where they overlap, the first one's stands for all.

    What lies in a text that only looks personal stays, unless a name before it, or a known value, says otherwise.
    """
    findings.sort()
    parts: list[str] = []
    done = kept_until = 0
    for start, pattern, end in findings:
        if pattern in _KEPT:
            kept_until = max(kept_until, end)
        elif end > kept_until or pattern in _ALWAYS:
            if start >= done:
                parts += text[done:start], _PLACEHOLDERS[pattern]
            if end > done:
                done = end
    parts.append(text[done:])
    return "".join(parts)


@lru_cache(maxsize=16)
def _scrubber(own_hosts: frozenset[str]) -> Scrubber:
    return Scrubber(own_hosts)


def scrub(text: str, *, own_hosts: frozenset[str] = frozenset()) -> str:
    """Return ``text`` without what is personal in it; ``own_hosts`` are the operator's, and stay. Never raises."""
    return _scrubber(own_hosts).scrub(text)
