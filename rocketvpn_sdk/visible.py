r"""Makes text from anywhere safe to show: it cannot steer a terminal or a page.

Touches: nothing. Start with ``visible``.

Controls, what turns the direction of writing, and whatever else cannot be seen are written out, e.g. as ``\u202e``.
"""

from __future__ import annotations

import json
import re
import unicodedata

from rocketvpn_sdk.entered import BLANK

_BREAKS = "\n\t\u00a0\u202f"
"""Line breaks, tabs, and spaces at which no line breaks: what lays text out."""


def visible(value: object, *, breaks: bool = False) -> str:
    r"""Return ``value`` as text in which everything can be seen.

    Spaces of every kind become a space. Controls, turns of direction, and whatever else cannot be seen are written as
    Python writes them, e.g. ``\x9b``; what no encoding has (a byte of a file's name that is not text) becomes ``?``.

    Args:
        value: anything.
        breaks: line breaks, tabs and spaces at which no line breaks stay.
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if breaks and letter in _BREAKS else _visible(letter) for letter in text)


def escaped_json(data: bytes) -> bytes:
    r"""Return JSON in UTF-8 with ``\u202e`` and the like written as JSON's escapes: it reads as the same values."""
    if data.isascii() and b"\x7f" not in data:
        return data  # JSON itself escapes the controls of ASCII, all but this one
    text = data.decode()
    return "".join(letter if letter in _BREAKS or _is_seen(letter) else _escaped(letter) for letter in text).encode()


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and not re.match(BLANK, letter)


def _escaped(letter: str) -> str:
    # (Not all of it is what ``json`` escapes by itself: U+007F is not.)
    return json.dumps(letter)[1:-1] if letter != "\x7f" else "\\u007f"


def _visible(letter: str) -> str:
    if _is_seen(letter):
        return letter
    replaced = {"Zs": " ", "Cs": "?"}.get(unicodedata.category(letter))
    return replaced or letter.encode("unicode_escape").decode("ascii")
