"""The one way out: whatever is about to leave is held against the policy first. Pure; opens nothing; no by default.

The numbered checks are the design's (architecture.md, "A call out"). A value is never repeated in an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from rocketvpn_sdk.consent import Permit
from rocketvpn_sdk.errors import EgressBlocked, OperationUndeclared, ValueRefused
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.policy import Decision, Operation, Policy
from rocketvpn_sdk.policy.identities import alike, says_more
from rocketvpn_sdk.transport.headers import check_content, check_headers
from rocketvpn_sdk.transport.requests import PARAMETER, fill_path
from rocketvpn_sdk.transport.values import Leaf, blocked, check_value

_KEY_FIELDS = ("device_public_key",)
_IDENTITY_FIELDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "key": _KEY_FIELDS,
    "device": (*_KEY_FIELDS, "session_token"),
    "user": (*_KEY_FIELDS, "session_token"),
}
"""What a proof and a token carry: these are fields like any other, though they travel in headers."""

_MAX_PROTOCOL_TEXT = 4096
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}")
"""A path parameter: one segment, never ``.`` or ``..``, nothing that a server could read as another path."""
_DOOR = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]{1,128}){1,16}")
"""A path of segments (RFC 3986 §3.3) without query, fragment or percent-encoding."""


class Outgoing(SecretStruct, frozen=True, kw_only=True):
    """A request before it goes: what the checks look at."""

    __masked__: ClassVar[tuple[str, ...]] = ("members", "parameters", "headers")

    operation: str
    scheme: str
    host: str
    """With ``:port`` where it is not 443."""
    members: tuple[tuple[str, Leaf], ...] = ()
    """Of the body, flattened."""
    carries: bool = False
    """Whether there is a body at all, be it an empty one."""
    parameters: Mapping[str, str] = {}
    """Of the path."""
    door: str | None = None
    """In place of the operation's path, where the server's metadata says so (RFC 8414)."""
    headers: Mapping[str, str] = {}


class Passed(SecretStruct, frozen=True):
    """A request that may go: its operation, the ids of the fields it carries, and where it goes."""

    __masked__: ClassVar[tuple[str, ...]] = ("path",)

    operation: Operation
    fields: tuple[str, ...]
    path: str = ""
    """Its parameters filled in; without a query, for nothing has one."""


def check(permit: Permit, outgoing: Outgoing) -> Passed:
    """Hold ``outgoing`` against what holds on this device now.

    Raises:
        OperationUndeclared: the policy knows no such operation.
        EgressBlocked: a rule says no; nothing has left.
        ValueRefused: a value is not what the policy says its field looks like.
    """
    policy = permit.policy
    # 1. The operation is declared (U7).
    operation = policy.operations.get(outgoing.operation)
    if operation is None:
        raise OperationUndeclared(operation=outgoing.operation, problem="the policy does not declare it")
    # 2. It goes, over TLS (T1), to a host of its recipient (S1).
    _check_host(policy, operation, outgoing)
    # 3. Its purpose is permitted, now: consent (U3, U5, U6), recipient (S1), age (M1).
    _say_no(operation, permit.purpose(operation.purpose, operation.recipient))
    # 4. Its path is the operation's own, with its parameters and no more (RFC 3986 §3.3).
    path = _check_path(operation, outgoing)
    # 5. Every member and path parameter is declared, and looks as its field does (U7).
    fields = dict.fromkeys(_IDENTITY_FIELDS[operation.identity])
    for member, value in (*outgoing.members, *outgoing.parameters.items()):
        fields.update(dict.fromkeys(_check_member(policy, operation, member, value)))
    # 6. Each field is permitted for this purpose and recipient, now: also age (M1) and collect mode (C2).
    for field in fields:
        _say_no(operation, permit.field(field, operation.purpose, operation.recipient))
    # 7. A version that does not bind yet sends nothing that the one that binds would not (X2).
    _check_binding(permit, operation, fields)
    # 8. Content goes with a method that has a meaning for it (RFC 9110 §9.3).
    check_content(operation, carries=outgoing.carries or bool(outgoing.members))
    # 9. No header but those of the short list, each in its form (C2). What signs comes later: ``check_signature``.
    check_headers(operation, outgoing.headers)
    return Passed(operation, tuple(fields), path)


def _say_no(operation: Operation, decision: Decision) -> None:
    if not decision.allowed:
        raise EgressBlocked(operation=operation.id, rule=decision.rule, reason=decision.sentence)


def _check_path(operation: Operation, outgoing: Outgoing) -> str:
    if set(PARAMETER.findall(operation.path)) != outgoing.parameters.keys():
        wanted = ", ".join(PARAMETER.findall(operation.path)) or "none"
        raise ValueRefused(name="path", problem=f"the parameters of {operation.id!r} are: {wanted}")
    for member, segment in outgoing.parameters.items():
        if not _SEGMENT.fullmatch(segment):
            raise ValueRefused(name=member, problem="it cannot be part of a path")
    if outgoing.door is None:
        return fill_path(operation, outgoing.parameters)
    if operation.identity != "key" or outgoing.parameters or not _DOOR.fullmatch(outgoing.door):
        reason = "It would go to another place on the server than the policy says."
        raise EgressBlocked(operation=operation.id, rule="U7", reason=reason)
    return outgoing.door


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
            raise blocked(operation.id, member, "is longer than a protocol needs")
        return ()
    name = operation.field_of(member)
    field = policy.fields.get(name) if name in operation.fields else None
    if field is None:
        raise blocked(operation.id, member, "is not declared for this operation")
    if value is not None:  # null carries no value: in a merge patch it takes one away (RFC 7396)
        check_value(field, member, value)
    return (name,)
