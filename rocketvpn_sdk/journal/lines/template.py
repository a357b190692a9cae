"""The constant text of a log line with places for values, in one of three notations: ``%``, ``{`` and ``$``. Pure.

Filling a place calls no code but that of numbers and texts of Python's own, and is bounded in length.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rocketvpn_sdk.journal.lines.kinds import TEXT

MISSING = "[missing]"
"""Stands where a line has more places than values."""
_PERCENT = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?(?P<flags>[#0\- +]*)(?P<width>\*|\d+)?(?:\.(?P<digits>\*|\d+))?[hlL]?"
    r"(?P<kind>[diouxXeEfFgGcrsa%])"
)
_DOLLAR = r"\$(?:(?P<escaped>\$)|(?P<named>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})"
_SPEC = r"[<>=^]?[+ -]?#?0?\d{0,2}[,_]?(?:\.\d{1,2})?[bdoxXeEfFgG%]?"
_NUMERIC = frozenset("diouxXeEfFgG")
_LAST_WORD = re.compile(r"([A-Za-z]+)[\s=:('\"\[<]{0,3}$")
_HINTS = {
    "[user]": ("user", "username", "login", "account", "owner", "as", "profile"),
    "[host]": ("host", "hostname", "domain", "site"),
    "[ssid]": ("ssid", "network", "wifi", "wlan"),
    "[secret]": ("password", "passphrase", "secret", "pin", "psk"),
    "[key]": ("key", "pubkey"),
    "[token]": ("token", "session", "cookie"),
    "[path]": ("file", "path", "folder", "directory"),
}
_HINT_OF = {word: kind for kind, words in _HINTS.items() for word in words}

Values = Sequence[object] | Mapping[str, object]
"""What is left of the arguments: numbers, ``None`` and texts without anything personal."""


class _Place(NamedTuple):
    before: str
    key: str | int
    """A name, or which of the positional values; ``-1``: there is no place, only text."""
    spec: str
    """A format of a number, with ``{`` in front for one of ``str.format``; empty: as text."""
    hint: str


class Template:
    """A text with places.

    Args:
        text: as it stands in the code.
        style: ``%``, ``{`` or ``$``; empty: there are no places, whatever it looks like.
    """

    __slots__ = ("_count", "_hints", "_places", "_quick", "text")

    def __init__(self, text: str, style: str = "%") -> None:
        self.text = text
        read = {"%": _percent, "{": _braces, "$": _dollars}.get(style, _literal)
        try:
            self._places = tuple(read(text))
        except ValueError:  # braces that do not go together
            self._places = tuple(_literal(text))
        numbered = [place for place in self._places if place.key != -1]
        self._count = len(numbered)
        in_order = style == "%" and all(place.key == number for number, place in enumerate(numbered))
        self._quick = "".join(map(_quick, self._places)) if in_order else None
        self._hints = tuple((number, place.hint) for number, place in enumerate(numbered) if place.hint)

    def filled(self, values: Values) -> str:
        """Return the text with ``values`` in its places; what is too many is left out."""
        if self._quick is not None and type(values) is tuple and len(values) == self._count:
            if self._hints and TEXT in values:
                hints = dict(self._hints)
                values = tuple(
                    hints.get(number, TEXT) if value == TEXT else value for number, value in enumerate(values)
                )
            try:
                return self._quick % values
            except (TypeError, ValueError, OverflowError):  # a number was expected, and its kind is there
                pass
        return "".join(
            place.before + ("" if place.key == -1 else _one(place, _value(values, place.key))) for place in self._places
        )


def _quick(place: _Place) -> str:
    return place.before.replace("%", "%%") + ("" if place.key == -1 else place.spec or "%s")


def _value(values: Values, key: str | int) -> object:
    if isinstance(values, Mapping):
        return values.get(str(key), MISSING if isinstance(key, str) else "[dict]")
    return values[key] if isinstance(key, int) and key < len(values) else MISSING


def _one(place: _Place, value: object) -> str:
    if place.spec and type(value) in (int, float):
        spec, braces = place.spec.removeprefix("{"), place.spec[0] == "{"
        try:
            return format(value, spec) if braces else spec % value
        except (TypeError, ValueError, OverflowError):  # such as %x of a float
            return str(value)
    return place.hint if place.hint and value == TEXT else str(value)


def _hint(before: str, key: str | int) -> str:
    word = _LAST_WORD.search(before[-40:])
    said = _HINT_OF.get(word[1].lower(), "") if word else ""
    return said or (_HINT_OF.get(key.lower(), "") if isinstance(key, str) else "")


def _literal(text: str) -> Iterator[_Place]:
    yield _Place(text, -1, "", "")


def _percent(text: str) -> Iterator[_Place]:
    done = number = 0
    before = ""
    for match in _PERCENT.finditer(text):
        before += text[done : match.start()]
        done = match.end()
        if match["kind"] == "%":
            before += "%"
            continue
        number += (match["width"] == "*") + (match["digits"] == "*")  # their values are not looked at
        key: str | int = number if match["key"] is None else match["key"]
        yield _Place(before, key, _percent_spec(match), _hint(before, key))
        number += match["key"] is None
        before = ""
    yield _Place(before + text[done:], -1, "", "")


def _percent_spec(match: re.Match[str]) -> str:
    width, digits, flags = match["width"] or "", match["digits"] or "", match["flags"]
    if match["kind"] not in _NUMERIC or "*" in width + digits or len(width) > 2 or len(digits) > 2:
        return ""
    if match["kind"] in "diu" and not (width or digits or flags):
        return ""
    return f"%{flags[:4]}{width}{'.' + digits if digits else ''}{match['kind']}"


def _braces(text: str) -> Iterator[_Place]:
    number = 0
    before = ""
    for literal, name, spec, _ in string.Formatter().parse(text):
        before += literal
        if name is None:
            continue
        root = re.split(r"[.\[]", name, maxsplit=1)[0]
        key: str | int = int(root) if root.isdecimal() and len(root) < 4 else root or number
        number += not root
        if root != name:
            before += "[object]"  # a part of a value: nobody looks into it
            continue
        yield _Place(before, key, f"{{{spec}" if spec and re.fullmatch(_SPEC, spec) else "", _hint(before, key))
        before = ""
    yield _Place(before, -1, "", "")


def _dollars(text: str) -> Iterator[_Place]:
    done = 0
    before = ""
    for match in re.finditer(_DOLLAR, text, re.ASCII):
        before += text[done : match.start()]
        done = match.end()
        if match["escaped"]:
            before += "$"
            continue
        key = match["named"] or match["braced"]
        yield _Place(before, key, "", _hint(before, key))
        before = ""
    yield _Place(before + text[done:], -1, "", "")
