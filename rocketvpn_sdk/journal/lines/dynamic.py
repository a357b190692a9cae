"""What is kept of a text that is no constant: the pieces that stand in the code of the call, and the kinds of the rest.

An f-string, a concatenation, or a text that was formatted before the call consists of pieces that its developer wrote
and of values. Where no such piece is found, the text comes from elsewhere, as another program's output does: then it is
scrubbed, and what stands in quotes is taken for a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from types import CodeType

from rocketvpn_sdk.journal.lines import modules
from rocketvpn_sdk.journal.lines.kinds import LARGEST, kind_of, rounded

_MOST_PIECES = 256
_WORDLIKE = r"[^\W\d_]{2}"
_PLACES = r"%(?:\([^()]*\))?[#0\- +]*[\d*]*(?:\.[\d*]+)?[a-zA-Z]|\{[^{}]*\}"
_QUOTED = r"""(?<![\w\]\\])(?:[bru]{0,2}'((?:[^'\\\n]|\\.)*)'|[bru]{0,2}"((?:[^"\\\n]|\\.)*)")(?!\w)"""
"""A mark behind a backslash opens nothing: so no stretch of text is walked through twice."""
_MASKED = (
    r"\[(?:bytes|dict|email|error|hashed|host|ip|key|list|mac|member|missing|number|object|path|private|removed|secret"
    r"|ssid|text|time|token|url|user|uuid)\]"
)
_INTEGER = r"[+-]?\d{1,7}"
_FLOAT = r"[+-]?\d{1,12}\.\d{1,20}(?:e[+-]?\d{1,3})?"
_EDGES = " \t\n,;:.!?()[]{}<>=/|\"'"

Pieces = re.Pattern[str] | None


def pieces_of(code: CodeType, written: modules.Written) -> Pieces:
    """Return what finds the pieces of text that stand in ``code``, as far as its module was shipped with them.

    A piece has a space or a mark in it: a value could be equal to a single word by chance.
    """
    found = {piece for text in modules.strings_in(code) if text in written.strings for piece in re.split(_PLACES, text)}
    pieces = sorted((piece for piece in found if _is_piece(piece)), key=len, reverse=True)[:_MOST_PIECES]
    return re.compile("|".join(map(re.escape, pieces))) if pieces else None


def _is_piece(piece: str) -> bool:
    return not piece.isidentifier() and re.search(_WORDLIKE, piece) is not None


def private_text(text: str, pieces: Pieces, words: Container[str], scrub: Callable[[str], str]) -> str:
    """Return what is kept of ``text``.

    Args:
        text: no constant, and of bounded length.
        pieces: of the code that logged it.
        words: the policy's vocabulary.
        scrub: the scrubber.
    """
    matches = list(pieces.finditer(text)) if pieces else []
    if not matches:
        return re.sub(_QUOTED, lambda match: _of_quoted(match, words), scrub(text))
    parts: list[str] = []
    done = 0
    for match in matches:
        parts += _values(text[done : match.start()], words), match[0]
        done = match.end()
    return "".join((*parts, _values(text[done:], words)))


def _values(text: str, words: Container[str]) -> str:
    """Return what is left of what stands between two pieces; arguments that are masked already stay."""
    parts: list[str] = []
    done = 0
    for match in re.finditer(_MASKED, text):
        parts += _value(text[done : match.start()], words), match[0]
        done = match.end()
    return "".join((*parts, _value(text[done:], words)))


def _of_quoted(match: re.Match[str], words: Container[str]) -> str:
    inside = match[1] if match[1] is not None else match[2]
    if not inside or re.fullmatch(_MASKED, inside):
        return match[0]
    return f"'{_value(inside, words)}'"


def _value(text: str, words: Container[str]) -> str:
    """Return what is left of a value that was formatted; marks around it stay."""
    inner = text.strip(_EDGES)
    if not inner:
        return text if len(text) < 4 else " "
    at = text.index(inner)
    before, after = text[:at], text[at + len(inner) :]
    return f"{_marks(before)}{_kind(inner, words)}{_marks(after)}"


def _marks(text: str) -> str:
    return text if len(text) < 4 else text[:1]


def _kind(text: str, words: Container[str]) -> str:
    if text in words or text in ("None", "True", "False"):
        return text
    if re.fullmatch(_INTEGER, text):
        return text if abs(int(text)) <= LARGEST else "[number]"
    if re.fullmatch(_FLOAT, text):
        return str(rounded(float(text)))
    return kind_of(text)
