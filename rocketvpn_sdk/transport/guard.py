"""The one way out: whatever is about to leave is held against the policy first. Pure; opens nothing; no by default.

The numbered checks are the design's (architecture.md, "A call out"). A value is never repeated in an error.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from rocketvpn_sdk.consent import Permit
from rocketvpn_sdk.errors import EgressBlocked, OperationUndeclared, ValueRefused
from rocketvpn_sdk.policy import Field, Operation, Policy
from rocketvpn_sdk.policy.identities import alike, says_more

Leaf = str | int | float | bool | None

HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "dpop",
        "host",
        "idempotency-key",
        "if-match",
        "sec-gpc",
        "user-agent",
    }
)
"""Every header that may leave: none of them tells about the machine or the person."""

_KEY_FIELDS = ("device_public_key",)
_IDENTITY_FIELDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "key": _KEY_FIELDS,
    "device": (*_KEY_FIELDS, "session_token"),
    "user": (*_KEY_FIELDS, "session_token"),
}
"""What a proof and a token carry: these are fields like any other, though they travel in headers."""

_MAX_DEPTH = 8
_MAX_PROTOCOL_TEXT = 4096
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}")
"""A path parameter: one segment, never ``.`` or ``..``, nothing that a server could read as another path."""
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,128}"')


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request before it goes: what the checks look at."""

    operation: str
    scheme: str
    host: str
    """With ``:port`` where it is not 443."""
    members: tuple[tuple[str, Leaf], ...] = ()
    """Of the body, flattened."""
    parameters: Mapping[str, str] = {}
    """Of the path."""
    headers: Mapping[str, str] = {}


class Passed(msgspec.Struct, frozen=True):
    """A request that may go: its operation and the ids of the fields it carries."""

    operation: Operation
    fields: tuple[str, ...]


def flatten(operation: str, body: Mapping[str, Any]) -> tuple[tuple[str, Leaf], ...]:
    """Return the (member, value) pairs of ``body``; nested members are named ``outer.inner``.

    Raises:
        EgressBlocked: a value of a type that no policy field has, or one nested too deep.
    """
    return tuple(_leaves(operation, "", body, 0))


def check(permit: Permit, outgoing: Outgoing) -> Passed:
    """Hold ``outgoing`` against what holds on this device now.

    Raises:
        OperationUndeclared: the policy knows no such operation.
        EgressBlocked: a rule says no; nothing has left.
        ValueRefused: a value is not what the policy says its field looks like.
    """
    policy = permit.policy
    # 1. The operation is declared.
    operation = policy.operations.get(outgoing.operation)
    if operation is None:
        raise OperationUndeclared(operation=outgoing.operation, problem="the policy does not declare it")
    # 2. It goes, over TLS, to a host of its recipient.
    _check_host(policy, operation, outgoing)
    # 3. Its purpose is permitted, now.
    decision = permit.purpose(operation.purpose, operation.recipient)
    if not decision.allowed:
        raise EgressBlocked(operation=operation.id, rule=decision.rule, reason=decision.sentence)
    # 4. Every member and path parameter is declared; 5. each field is permitted for this purpose and recipient, now.
    fields = dict.fromkeys(_IDENTITY_FIELDS[operation.identity])
    for member, value in (*outgoing.members, *outgoing.parameters.items()):
        fields.update(dict.fromkeys(_check_member(policy, operation, member, value)))
    for member, segment in outgoing.parameters.items():
        if not _SEGMENT.fullmatch(segment):
            raise ValueRefused(name=member, problem="it cannot be part of a path")
    for field in fields:
        decision = permit.field(field, operation.purpose, operation.recipient)
        if not decision.allowed:
            raise EgressBlocked(operation=operation.id, rule=decision.rule, reason=decision.sentence)
    # 6. A version that does not bind yet sends nothing that the one that binds would not (X2).
    _check_binding(permit, operation, fields)
    # 7. No header but those of the short list.
    _check_headers(operation, outgoing.headers)
    return Passed(operation, tuple(fields))


def _check_binding(permit: Permit, operation: Operation, fields: Iterable[str]) -> None:
    for policy in permit.policies[:-1]:
        calls = alike(policy, operation)
        known = {
            field for call in calls for field in (*call.fields, *call.names.values(), *_IDENTITY_FIELDS[call.identity])
        }
        more = [field for field in fields if field in policy.fields and field not in known]
        if more:
            reason = f"The version that binds does not send {more[0]!r} with this; the newer one does not bind yet."
            raise EgressBlocked(operation=operation.id, rule="X2", reason=reason)
        if says_more(policy, operation, [field for field in fields if field not in _IDENTITY_FIELDS["user"]]):
            reason = "By the version that binds it says less about who calls; the newer one does not bind yet."
            raise EgressBlocked(operation=operation.id, rule="X2", reason=reason)


def check_value(field: Field, name: str, value: object) -> None:
    """Check that ``value`` looks as the policy says that ``field`` does.

    Raises:
        ValueRefused: it does not; ``name`` is what the error calls it.
    """
    if not _KINDS[field.type.kind](field, value):
        raise ValueRefused(name=name, problem=f"it is not of the form that the policy describes for {field.id!r}")


def _leaves(operation: str, prefix: str, value: object, depth: int) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        if prefix and not value:
            yield prefix, None
        for key, inner in value.items():
            if not isinstance(key, str):
                raise _blocked(operation, prefix, "has a member whose name is no text")
            yield from _leaves(operation, f"{prefix}.{key}" if prefix else key, inner, depth + 1)
    elif isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        if not value:
            yield prefix, None
        for inner in value:
            yield from _leaves(operation, prefix, inner, depth + 1)
    elif value is None or isinstance(value, str | int | float):
        yield prefix, value
    else:
        raise _blocked(operation, prefix, "holds something that no field of the policy can hold")


def _blocked(operation: str, member: str, problem: str) -> EgressBlocked:
    return EgressBlocked(operation=operation, rule="U7", reason=f"The member {member!r} {problem}.")


def _check_host(policy: Policy, operation: Operation, outgoing: Outgoing) -> None:
    if outgoing.scheme != "https":
        raise EgressBlocked(operation=operation.id, rule="T1", reason="It would go over a connection without TLS.")
    recipient = policy.recipients.get(operation.recipient)
    hosts = recipient.hosts if recipient else ()
    name = outgoing.host.partition(":")[0] if not outgoing.host.startswith("[") else outgoing.host
    if outgoing.host.lower() not in hosts and name.lower() not in hosts:
        reason = f"The host it would go to does not belong to {operation.recipient!r}."
        raise EgressBlocked(operation=operation.id, rule="S1", reason=reason)


def _check_member(policy: Policy, operation: Operation, member: str, value: Leaf) -> Iterable[str]:
    """Return the field that ``member`` carries; none for a member of the protocol."""
    if member in operation.protocol:
        if isinstance(value, str) and len(value) > _MAX_PROTOCOL_TEXT:
            raise _blocked(operation.id, member, "is longer than a protocol needs")
        return ()
    name = operation.field_of(member)
    field = policy.fields.get(name) if name in operation.fields else None
    if field is None:
        raise _blocked(operation.id, member, "is not declared for this operation")
    if value is not None:  # null carries no value: in a merge patch it takes one away (RFC 7396)
        check_value(field, member, value)
    return (name,)


def _check_headers(operation: Operation, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name.lower() not in HEADERS:
            raise EgressBlocked(operation=operation.id, rule="C2", reason=f"The header {name!r} is not on the list.")
        if name.lower() == "if-match" and not _ETAG.fullmatch(value):
            raise ValueRefused(name=name, problem="it is no entity tag")


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
