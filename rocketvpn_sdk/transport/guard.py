"""The one way out: whatever is about to leave is held against the policy first. Pure; opens nothing; no by default.

The numbered checks are the design's (architecture.md, "A call out"). A value is never repeated in an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from rocketvpn_sdk.errors import EgressBlocked, OperationUndeclared, ValueRefused
from rocketvpn_sdk.journal.minimise import minimiser
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import Decision, Field, Operation, Policy
from rocketvpn_sdk.policy.identities import IDENTITY_FIELDS, rank
from rocketvpn_sdk.policy.members import PARAMETER, SEGMENT, CallMember, call_of, members_of
from rocketvpn_sdk.policy.minimise import Minimiser, bucketed, combined, for_sending
from rocketvpn_sdk.policy.own_calls import call_cell, follows
from rocketvpn_sdk.transport.headers import check_content, check_headers
from rocketvpn_sdk.transport.hosts import canonical, without_port
from rocketvpn_sdk.transport.requests import fill_path
from rocketvpn_sdk.transport.values import Sent, blocked, refused, takes

_NOT_TOGETHER = "Two versions of the policy minimise this in ways that do not go together; it waits for the newer one."
_ENDPOINT = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]{1,128}){1,16}")
"""A path of segments (RFC 3986 §3.3) without query, fragment or percent-encoding."""


class Outgoing(SecretStruct, frozen=True, kw_only=True):
    """A request before it goes: what the checks look at."""

    __masked__: ClassVar[tuple[str, ...]] = ("members", "parameters", "headers")

    operation: str
    scheme: str
    host: str
    """With ``:port`` where it is not 443."""
    members: tuple[tuple[str, Sent], ...] = ()
    """Of the body, flattened."""
    carries: bool = False
    """Whether there is a body at all, be it an empty one."""
    parameters: Mapping[str, str] = {}
    """Of the path."""
    endpoint: str | None = None
    """In place of the operation's path, where the server's metadata says so (RFC 8414)."""
    headers: Mapping[str, str] = {}


class ApprovedRequest(SecretStruct, frozen=True):
    """A request that may go: its operation, the ids of the fields it carries, and where it goes."""

    __masked__: ClassVar[tuple[str, ...]] = ("path", "changed")

    operation: Operation
    fields: tuple[str, ...]
    path: str = ""
    """Its parameters filled in; without a query, for nothing has one."""
    protocol: tuple[str, ...] = ()
    """The names of the members of the protocol that go along."""
    changed: Mapping[str, Sent] = {}
    """What goes in place of what was given, by the names that ``flatten`` gives: it was minimised."""


def check(
    held: PermitSnapshot, outgoing: Outgoing, compiled: Callable[[Field], Minimiser] = minimiser
) -> ApprovedRequest:
    """Hold ``outgoing`` against what holds on this device: against every version of the policy that is in force.

    Args:
        held: what holds, at one moment.
        outgoing: what wants to leave.
        compiled: what minimises a field that is not sent as it is.

    Raises:
        OperationUndeclared: the policy knows no such operation.
        EgressBlocked: a rule says no; nothing has left.
        ValueRefused: a value is not what the policy says its field looks like.
    """
    policy = held.policies[-1]
    # 1. The operation is declared (U7).
    operation = policy.operations.get(outgoing.operation)
    if operation is None:
        raise OperationUndeclared(operation=outgoing.operation, problem="the policy does not declare it")
    # 2. It goes, over TLS (T1), to a host of its recipient (S1): of the newest version, which names the hosts.
    _check_host(policy, operation, outgoing)
    # 3. Its path is the operation's own, with its parameters and no more (RFC 3986 §3.3).
    path = _check_path(operation, outgoing)
    # 4. Content goes with a method that has a meaning for it (RFC 9110 §9.3).
    check_content(operation, carries=outgoing.carries or bool(outgoing.members))
    # 5. Each version allows it, by its own declaration: the call, its members, and their fields.
    given = _given(operation, outgoing)
    identity = IDENTITY_FIELDS[operation.identity]
    rows = [_judge(held, version, declared, given, identity) for version, declared in _versions(held, operation)]
    # 6. What it carries is minimised as each version asks, unless the operation needs it as it is (C2).
    changed = _minimised(operation, given, rows, compiled)
    # 7. No header but those of the short list, each in its form (C2). What signs comes later: ``check_signature``.
    check_headers(operation, outgoing.headers)
    carried = {name: rows[-1][name].carries for name in given}
    fields = tuple(dict.fromkeys((*identity, *filter(None, carried.values()))))
    protocol = tuple(name for name, field in carried.items() if not field)
    if outgoing.parameters and changed:
        path = fill_path(
            operation, {name: str(changed.get(name, outgoing.parameters[name])) for name in outgoing.parameters}
        )
    return ApprovedRequest(operation, fields, path, protocol, changed)


def check_again(
    before: PermitSnapshot,
    now: PermitSnapshot,
    outgoing: Outgoing,
    approved: ApprovedRequest,
    compiled: Callable[[Field], Minimiser] = minimiser,
) -> None:
    """Hold what passed by ``before`` against what holds now: before each try, when its body is already made.

    The checks are functions of what holds and of what goes, which stays as it is: where the first allows the same as
    before, they would say the same, and are not made again.

    Raises:
        OperationUndeclared, EgressBlocked, ValueRefused: it may not go any more, or not as it is.
    """
    if now.allows_as(before):
        return
    checked = check(now, outgoing, compiled)
    if (checked.operation, checked.changed, checked.path) != (approved.operation, approved.changed, approved.path):
        raise EgressBlocked(
            operation=approved.operation.id, rule="X2", reason="The policy changed meanwhile; try again."
        )


def _say_no(operation: Operation, decision: Decision) -> None:
    if not decision.allowed:
        raise EgressBlocked(operation=operation.id, rule=decision.rule, reason=decision.sentence)


def _check_path(operation: Operation, outgoing: Outgoing) -> str:
    if set(PARAMETER.findall(operation.path)) != outgoing.parameters.keys():
        wanted = ", ".join(PARAMETER.findall(operation.path)) or "none"
        raise ValueRefused(name="path", problem=f"the parameters of {operation.id!r} are: {wanted}")
    for member, segment in outgoing.parameters.items():
        if not SEGMENT.fullmatch(segment):
            raise ValueRefused(name=member, problem="it cannot be part of a path")
    if outgoing.endpoint is None:
        return fill_path(operation, outgoing.parameters)
    if operation.identity != "key" or outgoing.parameters or not _ENDPOINT.fullmatch(outgoing.endpoint):
        reason = "It would go to another place on the server than the policy says."
        raise EgressBlocked(operation=operation.id, rule="U7", reason=reason)
    return outgoing.endpoint


def _versions(held: PermitSnapshot, operation: Operation) -> Iterator[tuple[Policy, Operation]]:
    """Yield every version in force with the declaration by which it judges the call, the newest last."""
    *binding, newest = held.policies
    for policy in binding:
        declared = call_of(policy, operation.id)
        if follows(policy, operation) or (declared is None and call_cell(operation) in held.accepted):
            declared = operation
        if declared is None:
            reason = "The version that binds has no such call; the newer one does not bind yet."
            raise EgressBlocked(operation=operation.id, rule="X2", reason=reason)
        if declared.recipient != operation.recipient:
            reason = "By the version that binds it goes to somebody else; the newer one does not bind yet."
            raise EgressBlocked(operation=operation.id, rule="X2", reason=reason)
        if rank(declared) < rank(operation):
            reason = "By the version that binds it says less about who calls; the newer one does not bind yet."
            raise EgressBlocked(operation=operation.id, rule="X2", reason=reason)
        yield policy, declared
    yield newest, operation


def _judge(
    held: PermitSnapshot, policy: Policy, operation: Operation, given: Mapping[str, Sent], identity: Iterable[str]
) -> Mapping[str, CallMember]:
    """Hold a call against one version; return the members that it has a say about."""
    # Its purpose is permitted, now: consent (U3, U5, U6), recipient (S1), age (M1).
    _say_no(operation, held.purpose(policy, operation.purpose, operation.recipient))
    members, judged = members_of(policy, operation), dict[str, CallMember]()
    newest = held.policies[-1]
    for name, value in given.items():
        member = members.get(name)
        if member is None:
            field = newest.operations[operation.id].field_of(name)
            if field not in policy.fields and (field, operation.purpose, operation.recipient) in held.accepted:
                continue  # newly necessary, and taken by the user ahead of its date
            if policy is newest:
                raise blocked(operation.id, name, "is not declared for this operation")
            raise _waits(operation, name)
        # It is declared, and looks as its field does, or as its type says (U7).
        segment = not member.path_only or (isinstance(value, str) and SEGMENT.fullmatch(value))
        # ``null`` carries no value: in a merge patch it takes one away (RFC 7396).
        if not segment or (value is not None and not takes(member.type, value, bucketed(member.transform))):
            raise refused(name, member.carries or name)
        judged[name] = member
    # Each field is permitted for this purpose and recipient, now: also age (M1) and collect mode (C2).
    for field in dict.fromkeys((*identity, *(member.carries for member in judged.values()))):
        if field:
            _say_no(operation, held.field(policy, field, operation.purpose, operation.recipient))
    return judged


def _waits(operation: Operation, name: str) -> EgressBlocked:
    reason = f"The version that binds does not send {name!r} with this; the newer one does not bind yet."
    return EgressBlocked(operation=operation.id, rule="X2", reason=reason)


def _given(operation: Operation, outgoing: Outgoing) -> Mapping[str, Sent]:
    """Return what goes along, by name, in the body and in the path."""
    given: dict[str, Sent] = {}
    for name, value in (*outgoing.members, *outgoing.parameters.items()):
        if name in given:
            raise blocked(operation.id, name, "is there twice")
        given[name] = value
    return given


def _minimised(
    operation: Operation,
    given: Mapping[str, Sent],
    rows: Sequence[Mapping[str, CallMember]],
    compiled: Callable[[Field], Minimiser],
) -> Mapping[str, Sent]:
    """Return what goes in place of what was given, where that is something else."""
    changed: dict[str, Sent] = {}
    for name, value in given.items():
        members = [version[name] for version in rows if name in version]
        if value is None or all(member.transform.name == "keep" for member in members):
            continue
        minimise = combined([(member.transform, for_sending(member, compiled)) for member in members])
        left = tuple(minimise(one, None) for one in value) if isinstance(value, tuple) else minimise(value, None)
        if left is None or (isinstance(left, tuple) and None in left):
            if len(members) == 1:
                raise refused(name, members[0].carries)
            raise EgressBlocked(operation=operation.id, rule="X2", reason=_NOT_TOGETHER)
        if left != value:
            changed[name] = left
    return changed


def _check_host(policy: Policy, operation: Operation, outgoing: Outgoing) -> None:
    if outgoing.scheme != "https":
        raise EgressBlocked(operation=operation.id, rule="T1", reason="It would go over a connection without TLS.")
    recipient = policy.recipients.get(operation.recipient)
    hosts = recipient.hosts if recipient else ()
    goes_to = canonical(outgoing.host)
    if not {goes_to, without_port(goes_to)} & set(map(canonical, hosts)):
        reason = f"The host it would go to does not belong to {operation.recipient!r}."
        raise EgressBlocked(operation=operation.id, rule="S1", reason=reason)
