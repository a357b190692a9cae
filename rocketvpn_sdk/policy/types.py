"""Which single values a declared type takes: the one answer for what is kept, sent and compared. Pure."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from rocketvpn_sdk.policy.document import FieldType

PROTOCOL_TEXT = 4096
"""Characters: the longest text that the older form of ``protocol``, a list of names, takes."""
LONGEST_TEXT = 4096
"""Characters: the longest text that is kept of a field without ``max``."""
LARGEST_TIME = 2**53
"""The largest number of seconds that a float tells from its neighbours."""

Check = Callable[[object], bool]

_TEXTS = {
    "text": r"(?s:.*)",
    "secret": r"[\x21-\x7e]{1,8192}",
    "email": r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}",
    "version": r"(?a:\d{1,10}(\.\d{1,10}){0,3}([.+-]?[0-9A-Za-z]{1,20})?)",
    "ip_address": r"[0-9A-Fa-f.:]{2,45}",  # no scope (``%eth0``): it can be any text
    "time": r"(?a:\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?)",
}
"""Compiled when a field of the kind is first looked at: that takes as long as much of a start."""


@lru_cache(maxsize=512)
def fits(kind: FieldType) -> Check:
    """Return the check of one value against ``kind``; how many there may be is for anyone who has a list to say."""
    if kind.kind == "boolean":
        return lambda value: isinstance(value, bool)
    if kind.kind == "enum":
        return lambda value: isinstance(value, str) and value in kind.values
    if kind.kind == "integer":
        return lambda value: isinstance(value, int) and not isinstance(value, bool) and _within(kind, value)
    text = _text(kind)
    if kind.kind == "time":
        return lambda value: _number_of_seconds(value) or (text(value) and moment(str(value)) is not None)
    if kind.kind == "ip_address":
        return lambda value: text(value) and is_address(str(value))
    return text


def moment(text: str) -> datetime | None:
    """Return the time that an ISO 8601 ``text`` names, or ``None``."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def is_address(text: str) -> bool:
    """Whether ``text`` is an internet address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _text(kind: FieldType) -> Check:
    form, limit = re.compile(_TEXTS[kind.kind]).fullmatch, math.inf if kind.max is None else kind.max
    matches = re.compile(kind.pattern, re.ASCII).fullmatch if kind.pattern else None

    def check(value: object) -> bool:
        if not isinstance(value, str) or len(value) > limit:
            return False
        return form(value) is not None and (matches is None or matches(value) is not None)

    return check


def _within(kind: FieldType, value: int) -> bool:
    return (kind.min is None or value >= kind.min) and (kind.max is None or value <= kind.max)


def _number_of_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_TIME
