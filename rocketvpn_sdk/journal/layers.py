"""A text as it reads: without what nobody sees, percent-encoding, HTML entities and escapes of JSON (C2)."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

_COLOURS = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[@-_])")
_MOST_ALIKE = 4096
_MOST_LAYERS = 3
"""An encoding inside an encoding is undone so many times."""
_ESCAPED = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|&(?:quot|apos|amp|lt|gt|#\d{2,6}|#x[0-9A-Fa-f]{2,5});|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
)


class _Alike(dict[int, str | None]):
    """For ``str.translate``: what each character looks like. Remembers some, by the character, which alone decides."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        kind = unicodedata.category(character)
        alike: str | None = character
        if kind == "Cf" or code in _UNSEEN:
            alike = None
        elif kind == "Zs":
            alike = " "
        elif kind == "Nd":
            alike = str(unicodedata.decimal(character))
        elif kind == "Cs":
            alike = "?"
        elif 0xFF01 <= code <= 0xFF5E or 0x1D400 <= code <= 0x1D7FF:
            alike = unicodedata.normalize("NFKC", character)
        if len(self) < _MOST_ALIKE:
            self[code] = alike
        return alike


# Letters and marks without a shape of their own: joiners, fillers, variation selectors.
_UNSEEN = frozenset(
    {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)
# Commas of Chinese, after which no space is written, and which end a value; full stops and dashes of other scripts;
# line breaks; and the one letter whose lower case is longer than itself, since positions must be the same in both.
_ALIKE = _Alike(
    {
        0x3001: ", ",
        0xFF0C: ", ",
        0xFF1B: "; ",
        0x3002: ".",
        0xFF61: ".",
        0x2024: ".",
        0x2010: "-",
        0x2011: "-",
        0x2028: "\n",
        0x2029: "\n",
        0x85: "\n",
        0x130: "I",
    }
)


def plain(text: str) -> str:
    """Return ``text`` without terminal colours and unseen marks, and with look-alike letters as what they look like."""
    return _COLOURS.sub("", text).translate(_ALIKE)


def layers(text: str) -> Iterator[tuple[str, list[int] | None]]:
    """Yield ``text``, then each text that is encoded in it, with the place in ``text`` of each of its characters.

    The places end with the length of ``text``; ``None`` stands for those of ``text`` itself.
    """
    yield text, None
    places: list[int] | None = None
    for _ in range(_MOST_LAYERS):
        if not ("%" in text or "&" in text or "\\" in text) or not _ESCAPED.search(text):
            return
        text, inner = _decoded(text)
        places = inner if places is None else [places[place] for place in inner]
        yield text, places


def _decoded(text: str) -> tuple[str, list[int]]:
    """Return ``text`` with one encoding undone, and where each of its characters began; last, the text's end."""
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for match in _ESCAPED.finditer(text):
        parts.append(text[done : match.start()])
        places += range(done, match.start())
        at, written = match.start(), match[0]
        if written[0] == "%":
            read = bytes.fromhex(written.replace("%", "")).decode("utf-8", "surrogateescape")
        else:
            read = html.unescape(written)[:1] if written[0] == "&" else chr(int(written[2:], 16))
        for character in read:
            alike = _ALIKE[ord(character)] or ""
            parts.append(alike)
            places += [at] * len(alike)
            if written[0] == "%":
                at += 3 * len(character.encode("utf-8", "surrogateescape"))
        done = match.end()
    parts.append(text[done:])
    places += range(done, len(text) + 1)
    return "".join(parts), places
