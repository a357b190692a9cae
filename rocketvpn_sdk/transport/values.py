"""What a request may hold: a body taken apart into its members, and each value held against its field. Pure."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

from rocketvpn_sdk.entered import order_number
from rocketvpn_sdk.errors import EgressBlocked, ValueRefused
from rocketvpn_sdk.policy import Field, Policy

Leaf = str | int | float | bool | None

_MAX_DEPTH = 8
_ORDER_NUMBER = "order_number"
_UNREADABLE = object()
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
"""What every reader of JSON that we know can take in; beyond it, encoding would fail after the guard had said yes."""


def plain(value: Any, depth: int = 0) -> Any:
    """Return ``value`` in JSON's own types, so that what is checked is what is encoded: no subclass, no other mapping.

    What is nested too deep or is none of them stays as it is; ``flatten`` refuses it, and what cannot be read.
    """
    try:
        return _read(value, depth)
    except Exception:  # noqa: BLE001 - a value of the app's own may raise anything when it is looked at
        return _UNREADABLE


def _read(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping) and depth <= _MAX_DEPTH:
        return {plain(key, _MAX_DEPTH + 1): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple) and depth <= _MAX_DEPTH:
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, str):
        return str.__str__(value)  # the base's own methods: a subclass may say anything
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__pos__(value)
    return float.__pos__(value) if isinstance(value, float) else value


def flatten(operation: str, body: Mapping[str, Any]) -> tuple[tuple[str, Leaf], ...]:
    """Return the (member, value) pairs of ``body``; nested members are named ``outer.inner``.

    Raises:
        EgressBlocked: a value of a type that no policy field has, or one nested too deep.
    """
    return tuple(_leaves(operation, "", body, 0))


def check_value(field: Field, name: str, value: object) -> None:
    """Check that ``value`` looks as the policy says that ``field`` does.

    Raises:
        ValueRefused: it does not; ``name`` is what the error calls it.
    """
    if not _KINDS[field.type.kind](field, value):
        raise ValueRefused(name=name, problem=f"it is not of the form that the policy describes for {field.id!r}")


def names_somebody(field: Field) -> bool:
    """Return whether a value of ``field`` is an address, a number, a code or a key: nothing that a log may hold."""
    return field.type.kind in ("email", "secret") or bool(field.type.kind == "text" and field.type.pattern)


def checked_order_number(policy: Policy, text: object) -> str:
    """Return the order number that somebody entered, in the form that ``policy`` describes.

    Raises:
        ValueRefused: it does not look like one.
    """
    field = policy.fields[_ORDER_NUMBER]
    number = order_number(text, field.type.pattern) if isinstance(text, str) else ""
    check_value(field, _ORDER_NUMBER, number)
    return number


def blocked(operation: str, member: str, problem: str) -> EgressBlocked:
    """Return the refusal of a member of ``operation`` (policy clause U7)."""
    return EgressBlocked(operation=operation, rule="U7", reason=f"The member {member!r} {problem}.")


def _leaves(operation: str, prefix: str, value: object, depth: int) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        if prefix and not value:
            yield prefix, None
        for key, inner in value.items():
            if not isinstance(key, str) or not _encodable(key):
                raise blocked(operation, prefix, "has a member whose name is no text")
            yield from _leaves(operation, f"{prefix}.{key}" if prefix else key, inner, depth + 1)
    elif isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        if not value:
            yield prefix, None
        for inner in value:
            yield from _leaves(operation, prefix, inner, depth + 1)
    elif _plain(value):
        yield prefix, value
    else:
        raise blocked(operation, prefix, "holds something that no field of the policy can hold")


def _plain(value: object) -> TypeGuard[Leaf]:
    """Whether ``value`` is one that goes over the wire as what it is."""
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, float):
        return math.isfinite(value)  # JSON has no other (RFC 8259 §6)
    return value is None or (isinstance(value, int) and _SMALLEST <= value <= _LARGEST)


def _encodable(text: str) -> bool:
    """Whether ``text`` can be UTF-8: half of a surrogate pair cannot (RFC 8259 §8)."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(field: Field, value: object) -> bool:
    if not isinstance(value, str) or (field.type.max is not None and len(value) > field.type.max):
        return False
    return not field.type.pattern or re.fullmatch(field.type.pattern, value) is not None


def _matching(pattern: str) -> Callable[[Field, object], bool]:
    compiled = re.compile(pattern)
    return lambda _field, value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _integer(field: Field, value: object) -> bool:
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return (field.type.min is None or value >= field.type.min) and (field.type.max is None or value <= field.type.max)


def _time(_field: Field, value: object) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?", value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _address(_field: Field, value: object) -> bool:
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


_KINDS: dict[str, Callable[[Field, object], bool]] = {
    "text": _text,
    "secret": _matching(r"[\x21-\x7e]{1,8192}"),
    "email": _matching(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}"),
    "enum": lambda field, value: isinstance(value, str) and value in field.type.values,
    "integer": _integer,
    "boolean": lambda _field, value: isinstance(value, bool),
    "time": _time,
    "version": _matching(r"\d{1,10}(\.\d{1,10}){0,3}([.+-]?[0-9A-Za-z]{1,20})?"),
    "ip_address": _address,
}
