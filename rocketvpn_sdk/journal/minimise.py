"""Minimisation: what is left of a value before it is stored, by the transform its field declares in the policy (C2).

``minimiser`` compiles a field once; what it returns runs for every record. It never raises, and it fails closed: a
value that the policy does not declare, of the wrong type, out of its bounds or not of its pattern, becomes ``None``.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import math
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.policy import Field

Minimiser = Callable[[Any, bytes | None], Any]
"""Takes a value and the epoch's key, which only pseudonyms look at; returns what may be stored, or ``None``."""

KEY_BYTES = 32
PSEUDONYM_BYTES = 16
CUT = "…"
"""Stands where a text was cut."""

_LONGEST_TEXT = 4096
_LONGEST_WORD = 256
_LONGEST_NAME = 128
_MOST_NAMES = 256
_LARGEST_TIME = 2**53  # the largest number of seconds that a float tells from its neighbours
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*", re.ASCII)
_VERSION = re.compile(
    r"(\d{1,5})(?:\.(\d{1,5}))?(?:\.\d{1,10}){0,3}(?:[-+.~]?[A-Za-z][0-9A-Za-z.+~-]{0,64}|[-+~][0-9A-Za-z.+~-]{1,64})?",
    re.ASCII,
)


def minimiser(field: Field, scrubber: Scrubber | None = None) -> Minimiser:
    """Compile the transform of ``field`` into a function of a value and an epoch key.

    Args:
        field: a field of a checked policy.
        scrubber: what scrubs free text; default: one that knows no host as the operator's own.

    Returns:
        A function that returns what may be stored of a value. ``None`` stays ``None``.
    """
    name = field.transform.name
    if name == "scrub":
        return _scrub(field, scrubber or Scrubber())
    return _COMPILERS.get(name, _drop)(field)


def truncate_ip(address: str) -> str | None:
    """Return the first address of the /24 (IPv4) or /48 (IPv6) that ``address`` is in, or ``None`` if it is none.

    An IPv4 address inside an IPv6 one (mapped, or 6to4, whose /48 would hold all of it) counts as IPv4.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None:
            return str(ipaddress.IPv6Address(int(parsed) >> 80 << 80))
        parsed = inner
    return str(ipaddress.IPv4Address(int(parsed) >> 8 << 8))


def pseudonym(label: str, value: str, key: bytes) -> str:
    """Return the keyed hash of ``value``: equal values link under one ``key`` and one ``label``, and nowhere else."""
    message = f"{label}\0{value}".encode("utf-8", "surrogatepass")
    digest = hmac.digest(key, message, "sha256")[:PSEUDONYM_BYTES]
    return base64.b32encode(digest).decode("ascii").rstrip("=").lower()


def cut(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of ``text``, without the word that the cut went through.

    Half an address is still half an address, and no pattern knows it any more.
    """
    if len(text) <= limit:
        return text
    # One character is for the mark, so that the result is never longer than ``limit``.
    head = text[: max(limit - len(CUT), 0)]
    tail = head[-_LONGEST_WORD:]
    words = re.split(r"\s", tail)
    return head[: len(head) - len(words[-1])] + CUT if limit else ""


def longest_text(field: Field) -> int:
    """Return how many characters of a text a minimiser of ``field`` looks at, at most."""
    if field.type.kind == "integer":  # its ``max`` is a number, not a length
        return _LONGEST_WORD
    return max(field.type.max or _LONGEST_TEXT, _LONGEST_WORD)


def _text(value: object) -> str | None:
    """Return ``value`` as a plain ``str`` if it is a text, an enumeration's member among them."""
    if not issubclass(type(value), str):  # not ``isinstance``, which asks the value itself
        return None
    text: str = value if type(value) is str else str.__str__(value)
    # Half a character, as file names that are no text have them, could not be written down.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _number(value: object) -> int | float | None:
    kind = type(value)
    if kind is int or (kind is float and math.isfinite(value)):  # type: ignore[arg-type] # mypy does not narrow by type()
        return value  # type: ignore[return-value] # mypy does not narrow by type()
    return int.__int__(value) if issubclass(kind, int) and kind is not bool else None  # type: ignore[arg-type] # mypy does not narrow by type()


def _declared_text(field: Field) -> Callable[[object], str | None]:
    """Return a check that a value is a text that the type of ``field`` allows."""
    limit = field.type.max or _LONGEST_TEXT
    matches = re.compile(field.type.pattern).fullmatch if field.type.pattern else None

    def check(value: object) -> str | None:
        text = _text(value)
        if text is None or len(text) > limit or (matches and not matches(text)):
            return None
        return text

    return check


def _drop(_: Field) -> Minimiser:
    return lambda _value, _key: None


def _keep(field: Field) -> Minimiser:
    kind = field.type.kind
    if kind == "enum":
        return _keep_declared(field.type.values)
    if kind == "boolean":
        return lambda value, _key: value if type(value) is bool else None
    if kind == "integer":
        return _keep_integer(field)
    if kind == "time":
        return lambda value, _key: _time(value)
    check = _declared_text(field)
    if kind == "ip_address":
        return lambda value, _key: _address(check(value))
    return lambda value, _key: check(value)


def _keep_declared(values: Iterable[str]) -> Minimiser:
    declared = {value: value for value in values}

    def minimise(value: object, _key: bytes | None) -> str | None:
        return declared.get(value if type(value) is str else _text(value) or "")

    return minimise


def _keep_integer(field: Field) -> Minimiser:
    within = _within(field)
    return lambda value, _key: within(value)


def _within(field: Field) -> Callable[[object], int | None]:
    """Return a check that a value is an integer in the bounds of ``field``; without bounds, nothing is."""
    low, high = field.type.min, field.type.max
    if low is None or high is None:
        return lambda _value: None

    def check(value: object) -> int | None:
        number = value if type(value) is int else _number(value)
        return number if type(number) is int and low <= number <= high else None

    return check


def _time(value: object) -> int | float | None:
    number = _number(value)
    return number if number is not None and abs(number) <= _LARGEST_TIME else None


def _address(text: str | None) -> str | None:
    try:
        return None if text is None else str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _truncate_ip(_: Field) -> Minimiser:
    def minimise(value: object, _key: bytes | None) -> str | None:
        text = _text(value)
        return None if text is None or len(text) > _LONGEST_WORD else truncate_ip(text)

    return minimise


def _coarsen_time(field: Field) -> Minimiser:
    unit = _UNITS[field.transform.arguments[0]]

    def minimise(value: object, _key: bytes | None) -> int | None:
        number = _time(value)
        return None if number is None else int(number // unit) * unit

    return minimise


def _bucket(field: Field) -> Minimiser:
    bounds, within = field.transform.bounds, _within(field)

    def minimise(value: object, _key: bytes | None) -> int | None:
        number = within(value)
        if number is None:
            return None
        place = bisect_right(bounds, number)
        return bounds[place - 1] if place else 0

    return minimise


def _version(field: Field) -> Minimiser:
    with_minor = field.transform.arguments == ("major.minor",)

    def minimise(value: object, _key: bytes | None) -> str | None:
        text = _text(value)
        match = _VERSION.fullmatch(text) if text is not None and len(text) <= _LONGEST_WORD else None
        if match is None:
            return None
        return f"{match[1]}.{match[2]}" if with_minor and match[2] else match[1]

    return minimise


def _pseudonym(field: Field) -> Minimiser:
    check, label, is_address = _declared_text(field), field.id, field.type.kind == "ip_address"

    def minimise(value: object, key: bytes | None) -> str | None:
        text = _address(check(value)) if is_address else check(value)
        if text is None or type(key) is not bytes or len(key) != KEY_BYTES:
            return None
        return pseudonym(label, text, key)

    return minimise


def _scrub(field: Field, scrubber: Scrubber) -> Minimiser:
    limit = field.type.max or _LONGEST_TEXT
    scrub: Callable[[str], str] = scrubber.scrub
    matches = re.compile(field.type.pattern).fullmatch if field.type.pattern else None
    if limit <= _LONGEST_NAME:
        scrub = _remembering(scrubber)  # the names of loggers come again with every line

    def minimise(value: object, _key: bytes | None) -> str | None:
        text = _text(value)
        if text is None or (matches and not matches(text)):
            return None
        return scrub(text if len(text) <= limit else cut(text, limit))

    return minimise


def _remembering(scrubber: Scrubber) -> Callable[[str], str]:
    """Return ``scrubber.scrub`` with a memory for names.

    What becomes of a name depends on the name, on the known values, and on whether it is a module of this process. Of
    any other text a part could be such a module, so that is scrubbed each time.
    """
    remembered: dict[tuple[str, int, bool], str] = {}

    def scrub(text: str) -> str:
        key = text, scrubber.known.changes, text in sys.modules
        scrubbed = remembered.get(key)
        if scrubbed is None:
            scrubbed = scrubber.scrub(text)
            if _NAME.fullmatch(text):
                if len(remembered) >= _MOST_NAMES:
                    remembered.clear()
                remembered[key] = scrubbed
        return scrubbed

    return scrub


_COMPILERS: dict[str, Callable[[Field], Minimiser]] = {
    "keep": _keep,
    "drop": _drop,
    "truncate_ip": _truncate_ip,
    "coarsen_time": _coarsen_time,
    "bucket": _bucket,
    "version": _version,
    "pseudonym": _pseudonym,
}
