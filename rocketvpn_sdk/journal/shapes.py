"""What a row of the pattern table is, and the pieces that its regular expressions are made of.

Every repetition here is possessive or bounded, so that no text can make a search take more than linear time (C2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from rocketvpn_sdk.journal.names import Judge

NOT_INSIDE_WORD = r"(?<![A-Za-z0-9])"
NOT_INSIDE_NUMBER = r"(?<![0-9])(?<![0-9]\.)"
# Text that went through `repr` has its line breaks as two characters: the letter in them belongs to no word.
NOT_INSIDE_HEX = r"(?:(?<![0-9A-Za-z_:])|(?<=\\[nrt]))"
ENDS = r"(?![0-9A-Za-z_])"

DOT = r"(?:\.|\[\.\]|。)"
OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|0\d{1,2}|[1-9]?\d)"
IPV4 = rf"\d{{1,3}}(?:{DOT}\d{{1,3}}){{3}}"
HEX = r"[0-9A-Fa-f]"
GROUP = rf"{HEX}{{1,4}}"

EQUALS = r"""(?:\\?["'])?\]?[ \t]{0,4}(?::=|=>|[=:])[ \t]{0,4}"""
"""Between a name and its value, in ``a=b``, ``a: b``, ``"a": "b"``, ``'a' => 'b'`` and ``["a"] = "b"``."""

QUOTED = r"""(?:\\?"(?:[^"\\\r\n]|\\[^"]|\\"(?=\w))*+(?:\\?"|(?=[\r\n])|\Z)|[bru]?'(?:[^'\\\r\n]|\\.)*+(?:'|(?=[\r\n])|\Z))"""
VALUE = rf"""(?:{QUOTED}|[^\s,;&|<>()\[\]{{}}"']++)"""
SECRET = rf"""(?:{QUOTED}|(?:[^\s&]|&(?!\w++=))++)"""
NAME_IN_PATH = r"""(?:[^\s/\\:*?"<>|%]{1,64}(?: [^\s/\\:*?"<>|%]{1,64}){0,3}(?=[/\\])|[^\s/\\:*?"'<>|,;)\]}%]++)"""
SLASH = r"(?:[/\\]{1,4}|%2[Ff]|%5[Cc])"


class Row(NamedTuple):
    """One kind of personal text: how it is found, and what stands in its place afterwards."""

    name: str
    regex: str
    """An empty group ``()`` in it stands where the personal part begins; what is before it stays."""
    placeholder: str
    """Nothing: what was found is not personal, and stays."""
    why: str
    found: tuple[tuple[str, str], ...] = ()
    """Texts and what becomes of them."""
    kept: tuple[str, ...] = ()
    """Texts that stay as they are."""
    after: tuple[str, ...] = ()
    """The names, in any case, that stand before ``regex``; each begins with a letter."""
    judge: Judge | None = None
    """Looks at the personal part, and may find that it is none."""
    anywhere: bool = False
    """Whether it may begin inside a word. A row with names never does."""

    @property
    def whole(self) -> str:
        """The names and the expression in one."""
        return (words(*self.after) if self.after else "") + self.regex


def words(*names: str) -> str:
    """Return an expression for any of ``names`` in any case, fast where none begins with the letter at hand."""
    by_letter: dict[str, list[str]] = {}
    for name in names:
        by_letter.setdefault(name[0], []).append(name[1:])
    branches = (
        f"[{letter.upper()}{letter}](?i:{'|'.join(sorted(rests, reverse=True))})" for letter, rests in by_letter.items()
    )
    return f"(?:{'|'.join(branches)})"


def openings(names: Iterable[str], length: int = 4) -> str:
    """Return an expression for the first letters of ``names``: a word that begins otherwise is none of them."""
    stems = {re.split(r"[^a-z]", re.sub(r".\?", "?", name))[0][:length] for name in names}
    shortest = {stem for stem in stems if not any(stem != other and stem.startswith(other) for other in stems)}
    return words(*sorted(shortest))
