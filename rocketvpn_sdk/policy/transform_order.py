"""Compares transforms by how much they leave of a value: a partial order, since some pairs cannot be compared."""

from __future__ import annotations

from rocketvpn_sdk.policy.document import FieldType
from rocketvpn_sdk.policy.types import LONGEST_TEXT, PROTOCOL_TEXT, fits
from rocketvpn_sdk.policy.values import Transform

DROP = Transform("drop")
_TIME = ("minute", "hour", "day")
_VERSION = ("major.minor", "major")


def at_least_as_strong(one: Transform, other: Transform) -> bool:
    """Return whether ``one`` leaves nothing that ``other`` does not: its result follows from the other's (C2).

    ``drop`` is the strongest and ``keep`` the weakest. A coarser time, a version with fewer numbers, and a bucket whose
    bounds are among the other's follow from the finer. Any other two cannot be compared: neither is as strong.
    """
    if one == other or one.name == "drop" or other.name == "keep":
        return True
    if one.name != other.name:
        return False
    if one.name == "bucket":
        # Not enough that it has fewer bounds: from (10, 60) nobody can tell what is under 30.
        # What is under the lowest bound becomes 0: a bound of 0 adds nothing, and a lower one makes two ranges alike.
        return set(one.bounds) - {0} <= set(other.bounds) and other.bounds[0] >= 0
    steps = _TIME if one.name == "coarsen_time" else _VERSION
    return steps.index(one.arguments[0]) >= steps.index(other.arguments[0])


def strongest(one: Transform, other: Transform) -> Transform:
    """Return the stronger of two, or ``drop`` where they cannot be compared."""
    if at_least_as_strong(one, other):
        return one
    return other if at_least_as_strong(other, one) else DROP


def takes_no_more(one: FieldType | None, other: FieldType | None) -> bool:
    """Return whether every value that ``one`` takes is one that ``other`` takes, as far as that can be told.

    ``None`` is what the older form of ``protocol`` takes: any short value, or a list of such. Two patterns that differ
    cannot be compared, so a new pattern counts as one that takes more; the values of an enumeration can be tried.
    """
    if other is None:
        return one is None or _short(one)
    if one is None or (one.most is None) is not (other.most is None) or (one.most or 0) > (other.most or 0):
        return False
    if one.kind == "enum" and other.kind in ("text", "secret", "email"):
        return _kept_whole(max(map(len, one.values), default=0), other) and all(map(fits(other), one.values))
    return (
        one.kind == other.kind
        and set(one.values) <= set(other.values)
        and other.pattern in ("", one.pattern)
        and (other.min is None or (one.min is not None and one.min >= other.min))
        and (_kept_whole(one.max or 0, other) if other.max is None else one.max is not None and one.max <= other.max)
    )


def _kept_whole(length: int, kind: FieldType) -> bool:
    """Whether a text of ``length`` that ``kind`` takes is also kept whole: without ``max`` that has a bound."""
    return kind.max is not None or kind.kind == "integer" or length <= LONGEST_TEXT


def _short(kind: FieldType) -> bool:
    """Whether every value of ``kind`` is short enough for the older form of ``protocol``."""
    if kind.kind == "enum":
        return all(len(value) <= PROTOCOL_TEXT for value in kind.values)
    return kind.kind not in ("text", "secret") or (kind.max is not None and kind.max <= PROTOCOL_TEXT)
