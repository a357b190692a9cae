"""Minimisation: what is left of a value before it is stored or sent, by the transform of its field (C2). Pure.

``minimiser`` compiles a field once; what it returns runs for every record. It never raises, and it fails closed: a
value that the policy does not declare, of the wrong type, out of its bounds or not of its pattern, becomes ``None``.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from rocketvpn_sdk.policy.document import Field
from rocketvpn_sdk.policy.members import CallMember
from rocketvpn_sdk.policy.transform_order import strongest
from rocketvpn_sdk.policy.types import LARGEST_TIME, LONGEST_TEXT, fits, moment
from rocketvpn_sdk.policy.values import Transform

Minimiser = Callable[[Any, bytes | None], Any]
"""Takes a value and the epoch's key, which only pseudonyms look at; returns what may be stored, or ``None``."""

KEY_BYTES = 32
PSEUDONYM_BYTES = 16

LONGEST_WORD = 256
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_VERSION = re.compile(
    r"(\d{1,5})(?:\.(\d{1,5}))?(?:\.\d{1,10}){0,3}(?:[-+.~]?[A-Za-z][0-9A-Za-z.+~-]{0,64}|[-+~][0-9A-Za-z.+~-]{1,64})?",
    re.ASCII,
)


def minimiser(field: Field, scrubs: Callable[[Field], Minimiser]) -> Minimiser:
    """Compile the transform of ``field`` into a function of a value and an epoch key.

    Args:
        field: a field of a checked policy.
        scrubs: compiles a field of free text, whose transform is ``scrub``.

    Returns:
        A function that returns what may be stored or sent of one value. ``None`` stays ``None``; a field whose values
        are lists has no one value.
    """
    if field.type.most is not None:
        return _drop(field)
    return scrubs(field) if field.transform.name == "scrub" else _COMPILERS.get(field.transform.name, _drop)(field)


def for_sending(member: CallMember, compiled: Callable[[Field], Minimiser]) -> Minimiser:
    """Return what is done to one value of ``member`` before it is sent; ``None``: it cannot be sent so.

    What is minimised already stays as it is.

    Args:
        member: of an operation.
        compiled: compiles a field, as ``minimiser`` does.
    """
    transform = member.transform
    if member.field is None:
        return lambda value, _key: value
    one = msgspec.structs.replace(member.field.type, most=None)
    if transform.name == "keep":
        check = fits(one)
        return lambda value, _key: value if check(value) else None
    minimise = compiled(msgspec.structs.replace(member.field, type=one, transform=transform))
    if transform.name == "bucket":
        return lambda value, key: value if value in bucketed(transform) else minimise(value, key)
    if transform.name == "coarsen_time":
        unit = _UNITS[transform.arguments[0]]
        return lambda value, key: _coarsened(value, unit) if isinstance(value, str) else minimise(value, key)
    return minimise


def bucketed(transform: Transform) -> tuple[int, ...]:
    """Return all that ``transform`` leaves of integers, if it puts them into ranges."""
    return (0, *transform.bounds) if transform.name == "bucket" else ()


def _coarsened(text: str, unit: int) -> str | None:
    at = moment(text)
    if at is None or "T" not in text:  # a day is as coarse as any unit
        return text if at else None
    try:
        whole = datetime.fromtimestamp(int(at.timestamp() // unit) * unit, UTC)
    except (ValueError, OverflowError):  # in UTC it is before the year 1, or after 9999
        return None
    return whole.isoformat().replace("+00:00", "Z")


def combined(versions: Sequence[tuple[Transform, Minimiser]]) -> Minimiser:
    """Return what keeps of a value what each of several versions of its field would keep, and nothing if there is none.

    Args:
        versions: of the same field, in each version: its transform, and what that was compiled into.
    """
    if len(versions) == 1:
        return versions[0][1]
    minimisers = [minimiser for _, minimiser in versions]
    # Two that cannot be compared leave nothing together.
    transforms = [transform for transform, _ in versions]
    if not versions or any(strongest(one, other) not in (one, other) for one in transforms for other in transforms):
        return _nothing

    def minimise(value: Any, key: bytes | None) -> Any:
        kept = [step(value, key) for step in minimisers]
        for one in kept if all(each is not None for each in kept) else ():
            # What is left must itself be something that each version would have kept.
            if all(other == one or step(one, key) == one for other, step in zip(kept, minimisers, strict=True)):
                return one
        return None

    return minimise


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


def longest_text(field: Field) -> int:
    """Return how many characters of a text a minimiser of ``field`` looks at, at most."""
    if field.type.kind == "integer":  # its ``max`` is a number, not a length
        return LONGEST_WORD
    return max(longest_kept_text(field), LONGEST_WORD)


def longest_kept_text(field: Field) -> int:
    """Return how many characters a kept text of ``field`` has at most."""
    return LONGEST_TEXT if field.type.max is None else field.type.max


def plain_text(value: object) -> str | None:
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
    limit, takes = longest_kept_text(field), fits(field.type)

    def check(value: object) -> str | None:
        text = plain_text(value)
        return text if text is not None and len(text) <= limit and takes(text) else None

    return check


def _nothing(_value: object, _key: bytes | None) -> None:
    return None


def _drop(_: Field) -> Minimiser:
    return _nothing


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
        return declared.get(value if type(value) is str else plain_text(value) or "")

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
    return number if number is not None and abs(number) <= LARGEST_TIME else None


def _address(text: str | None) -> str | None:
    try:
        return None if text is None else str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _truncate_ip(_: Field) -> Minimiser:
    def minimise(value: object, _key: bytes | None) -> str | None:
        text = plain_text(value)
        return None if text is None or len(text) > LONGEST_WORD else truncate_ip(text)

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
        text = plain_text(value)
        match = _VERSION.fullmatch(text) if text is not None and len(text) <= LONGEST_WORD else None
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


_COMPILERS: dict[str, Callable[[Field], Minimiser]] = {
    "keep": _keep,
    "drop": _drop,
    "truncate_ip": _truncate_ip,
    "coarsen_time": _coarsen_time,
    "bucket": _bucket,
    "version": _version,
    "pseudonym": _pseudonym,
}
