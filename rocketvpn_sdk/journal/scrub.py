"""Free text, such as a log line, without what is personal in it (C2).

The patterns are in ``patterns.py``. A pattern runs only where it can match: one with names, at the places where a name
stands; any other, where its prefilter passes. Most lines pass without any pattern running. Scrubbing never raises: a
text that it cannot work through is not stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from rocketvpn_sdk.journal.known import Known
from rocketvpn_sdk.journal.pattern import DIGITS, FEWEST_DIGITS, keys, named
from rocketvpn_sdk.journal.patterns import PATTERNS
from rocketvpn_sdk.journal.prefilter import VIEWS, shape
from rocketvpn_sdk.journal.validators import Judge
from rocketvpn_sdk.masking import OneHolder

UNREADABLE = "[unreadable]"
REMOVED = "[removed]"
"""Stands where one of a scrubber's known values was."""

_MOST_MARKS = 64
_LONGEST_SHAPE = 256
_MOST_SHAPES = 4096
# Marks that nobody sees, and that would break up an address; full stops of other scripts; and the one letter whose
# lower case is longer than itself, since positions must be the same in both.
_UNSEEN: dict[int, str | None] = dict.fromkeys(
    map(ord, "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\ufeff")
)
_UNSEEN |= {0x3002: ".", 0xFF61: ".", 0x2024: ".", 0x0130: "I"}
# Full-width and mathematical letters and digits: other characters stay as they are.
_LOOKALIKES = re.compile("[\uff01-\uff5e\U0001d400-\U0001d7ff]+")
_OTHER_DIGITS = re.compile(r"[^\D0-9]+")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[@-_])")

# For `bytes.translate`, the quickest way to see what a line is made of.
_LETTERS = bytes(byte | 32 if byte < 128 and chr(byte).isalpha() else 32 for byte in range(256))
"""Capital letters as small ones, and all that is no letter as a space."""
_NO_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte < 58)
_NO_MARKS = bytes(byte for byte in range(256) if byte >= 128 or chr(byte).isalnum() or chr(byte).isspace())


_Finding = tuple[int, int, int]
"""Start of a match, the number of its pattern, and its end; a pattern without a placeholder marks harmless text."""


class _Search(NamedTuple):
    """A compiled pattern."""

    pattern: int
    expression: re.Pattern[str]
    judge: Judge | None
    marked: bool
    """Whether its first group stands where the personal part begins; else that is where the match begins."""


class _Prefiltered(NamedTuple):
    """Patterns without names that have the same prefilter."""

    pieces: tuple[str, ...]
    find: Callable[[str, int], re.Match[str] | None]
    """Where one of ``pieces`` stands; slower than ``in``, which tells that none does."""
    patterns: tuple[int, ...]


class _Family(NamedTuple):
    """Patterns without names whose prefilters use the same view of a line."""

    draw: Callable[[bytes], str]
    prefilters: tuple[_Prefiltered, ...]


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
    return tuple(_search(number, key.decode()) for number in _BY_KEY[key])


@lru_cache(maxsize=4096)
def _families(marks: bytes, many_digits: bool) -> tuple[_Family, ...]:
    """Return the patterns that can match a text with ``marks``: its characters but letters, digits and spaces."""
    present = marks.decode("ascii") + (DIGITS if many_digits else "")
    found: dict[int, dict[tuple[str, ...], list[int]]] = {}
    for number, pattern in enumerate(PATTERNS):
        if pattern.prefilter is not None and (not pattern.needs or any(mark in present for mark in pattern.needs)):
            found.setdefault(pattern.prefilter.view, {}).setdefault(pattern.prefilter.pieces, []).append(number)
    return tuple(
        _Family(VIEWS[view], tuple(_prefiltered(pieces, tuple(patterns)) for pieces, patterns in prefilters.items()))
        for view, prefilters in found.items()
    )


@cache
def _prefiltered(pieces: tuple[str, ...], patterns: tuple[int, ...]) -> _Prefiltered:
    return _Prefiltered(pieces, re.compile("|".join(map(re.escape, pieces))).search, patterns)


def _by_key() -> dict[bytes, tuple[int, ...]]:
    """Return the patterns with names, by the words that hint at them."""
    found: dict[bytes, list[int]] = {}
    for number, pattern in enumerate(PATTERNS):
        for key in {key for name in pattern.after for key in keys(name)}:
            found.setdefault(key.encode(), []).append(number)
    return {key: tuple(numbers) for key, numbers in found.items()}


_BY_KEY = _by_key()
_KEYS = frozenset(_BY_KEY)
_KEPT = frozenset(number for number, pattern in enumerate(PATTERNS) if not pattern.placeholder)
_KNOWN = -1
"""Takes the place of a pattern's number in findings of known values."""
_ALWAYS = frozenset({_KNOWN, *(number for number, pattern in enumerate(PATTERNS) if pattern.after)})
_PLACEHOLDERS = {_KNOWN: REMOVED, **{number: pattern.placeholder for number, pattern in enumerate(PATTERNS)}}


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
                text = _plain(text)
            data = text.encode("ascii", "replace")
            # Letters of other scripts and odd spaces decide too: they stay as they are in the shape.
            seen = shape(data if text.isascii() else text.encode())
            findings = [] if seen in _harmless else self._findings(text, data, seen)
            if places := self.known.find(text):
                findings += [(start, _KNOWN, end) for start, end in places]
            return _replaced(text, findings) if findings else text
        except Exception:  # noqa: BLE001  (whatever went wrong, the text must not be kept, nor the app's call fail)
            return UNREADABLE

    def _findings(self, text: str, data: bytes, seen: bytes) -> list[_Finding]:
        findings: list[_Finding] = []
        quiet = True
        words = data.translate(_LETTERS).split()
        if not _KEYS.isdisjoint(words):
            low = text.lower()
            for key in _KEYS.intersection(words):
                if self._add_named(text, low, key, findings):
                    quiet = False
        marks = data.translate(None, _NO_MARKS)
        if len(marks) > _MOST_MARKS:
            marks = bytes(sorted(set(marks)))
        many_digits = len(data.translate(None, _NO_DIGITS)) >= FEWEST_DIGITS
        for draw, prefilters in _families(marks, many_digits):
            drawn = draw(data)
            for prefiltered in prefilters:
                for piece in prefiltered.pieces:
                    if piece in drawn:
                        quiet = False
                        self._add_gated(text, drawn, prefiltered, findings)
                        break
        if quiet:
            _remember(seen)
        return findings

    def _add_gated(self, text: str, drawn: str, prefiltered: _Prefiltered, findings: list[_Finding]) -> None:
        """Add what the patterns find in ``text``, each from the beginning of a word where its prefilter passes."""
        first = prefiltered.find(drawn, 0)
        for number in prefiltered.patterns:
            search, hit, done = _search(number), first, 0
            while hit and (match := search.expression.search(text, text.rfind(" ", done, hit.start()) + 1 or done)):
                done = match.end()
                self._judge(text, match, search, findings)
                hit = prefiltered.find(drawn, done)

    def _add_named(self, text: str, low: str, key: bytes, findings: list[_Finding]) -> bool:
        """Add what the patterns of ``key`` find where it stands in ``text``; ``low`` is that in lower case.

        Returns whether one of them had anything to judge.
        """
        name, any_match = key.decode(), False
        place = low.find(name)
        while place >= 0:
            end = place + len(name)
            if place == 0 or not text[place - 1].isalnum():
                for search in _searches(key):
                    match = search.expression.match(text, place)
                    if match:
                        any_match = True
                        if self._judge(text, match, search, findings):
                            end = match.end()
                            break
            place = low.find(name, end)
        return any_match

    def _judge(self, text: str, match: re.Match[str], search: _Search, findings: list[_Finding]) -> bool:
        """Add ``match`` to ``findings``, unless it is found to be nothing personal."""
        start, end = match.end(1) if search.marked else match.start(), match.end()
        if search.judge is not None and not search.judge(text[start:end], text[start - 1 : start], self._own):
            return False
        findings.append((start, search.pattern, end))
        return True


_harmless: set[bytes] = set()
"""Shapes of lines in which no pattern had a chance: apps write few kinds of lines, and most of them are harmless."""


def _remember(harmless: bytes) -> None:
    if len(harmless) <= _LONGEST_SHAPE:
        if len(_harmless) >= _MOST_SHAPES:
            _harmless.clear()
        _harmless.add(harmless)


def _plain(text: str) -> str:
    """Return ``text`` without terminal colours and unseen marks, and with look-alike letters as what they look like."""
    text = _ESCAPES.sub("", text.encode("utf-8", "replace").decode("utf-8")).translate(_UNSEEN)
    text = _OTHER_DIGITS.sub(lambda match: "".join(str(unicodedata.decimal(digit)) for digit in match[0]), text)
    return _LOOKALIKES.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)


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
