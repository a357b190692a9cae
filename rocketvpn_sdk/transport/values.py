"""What a request may hold: a body taken apart into its members, and each value held against its field. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from rocketvpn_sdk.entered import order_number
from rocketvpn_sdk.errors import EgressBlocked, ValueRefused
from rocketvpn_sdk.policy import Field, Policy
from rocketvpn_sdk.policy.document import FieldType
from rocketvpn_sdk.policy.types import PROTOCOL_TEXT, fits

Leaf = str | int | float | bool | None
Sent = Leaf | tuple[Leaf, ...]
"""What one member carries: a value, or a list of values."""

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


def flatten(operation: str, body: Mapping[str, Any]) -> tuple[tuple[str, Sent], ...]:
    """Return the (member, value) pairs of ``body``; nested members are named ``outer.inner``, a list is a tuple.

    Raises:
        EgressBlocked: a value of a type that no policy field has, or one nested too deep.
    """
    return tuple(_leaves(operation, "", body, 0))


def check_value(field: Field, name: str, value: object) -> None:
    """Check that ``value`` looks as the policy says that ``field`` does.

    Raises:
        ValueRefused: it does not; ``name`` is what the error calls it.
    """
    if not takes(field.type, value):
        raise refused(name, field.id)


def takes(kind: FieldType | None, value: object, besides: tuple[int, ...] = ()) -> bool:
    """Whether ``kind`` takes ``value``: one of its values, or a list of as many as it says.

    Args:
        kind: ``None``: what the older form of ``protocol`` takes, any short value or a list of such.
        value: flattened; a tuple stands for a list.
        besides: what it takes, too.
    """
    check = _short if kind is None else fits(kind)

    def one(value: object) -> bool:
        return check(value) or (type(value) is int and value in besides)

    if isinstance(value, tuple):
        return (kind is None or len(value) <= (kind.most or -1)) and all(map(one, value))
    return (kind is None or kind.most is None) and one(value)


def refused(name: str, field: str) -> ValueRefused:
    """Return the refusal of the value of ``name``."""
    return ValueRefused(name=name, problem=f"it is not of the form that the policy describes for {field!r}")


def rebuilt(value: Any, changed: Mapping[str, Sent], prefix: str = "") -> Any:
    """Return a body with the values of ``changed`` in place of its own, by the names that ``flatten`` gives."""
    if isinstance(value, dict):
        return {
            key: rebuilt(inner, changed, f"{prefix}.{key}" if prefix else key) if changed else inner
            for key, inner in value.items()
        }
    return changed.get(prefix, value)


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


def _leaves(operation: str, prefix: str, value: object, depth: int) -> Iterator[tuple[str, Sent]]:
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        if prefix and not value:
            yield prefix, None
        for key, inner in value.items():
            # An empty name would add nothing to that of the member: it would be judged as another one, or as none.
            if not isinstance(key, str) or not key or not _encodable(key):
                raise blocked(operation, prefix, "has a member whose name is no text")
            yield from _leaves(operation, f"{prefix}.{key}" if prefix else key, inner, depth + 1)
    elif isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        if not all(map(_plain, value)):
            raise blocked(operation, prefix, "holds a list of something else than single values")
        yield prefix, tuple(value)
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


def _short(value: object) -> bool:
    return not isinstance(value, str) or len(value) <= PROTOCOL_TEXT


def _encodable(text: str) -> bool:
    """Whether ``text`` can be UTF-8: half of a surrogate pair cannot (RFC 8259 §8)."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
