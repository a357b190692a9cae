"""What one policy lets leave the device, call by call and member by member, that another does not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.policy.document import FieldType, Operation, Policy
from rocketvpn_sdk.policy.findings.fields import necessary_in_both, trusted_in_both
from rocketvpn_sdk.policy.findings.finding import Finding, cells
from rocketvpn_sdk.policy.findings.rows import Kind
from rocketvpn_sdk.policy.identities import IDENTITIES, rank, says_more
from rocketvpn_sdk.policy.members import KEEP, CallMember, call_of, members_of
from rocketvpn_sdk.policy.own_calls import follows
from rocketvpn_sdk.policy.transform_order import takes_no_more
from rocketvpn_sdk.text import listed, translate

_Flow = tuple[str, str, str]
"""A field, a purpose and a recipient."""


def calls(old: Policy, new: Policy, needed: AbstractSet[_Flow]) -> Iterator[Finding]:
    """Yield what calls ``new`` has that ``old`` does not cover; the SDK's own that follow the newest version apart.

    Args:
        old: the version that binds.
        new: the newest.
        needed: the uses of fields that are newly necessary.
    """
    known, common = _flows(old), _allowed(old) & _allowed(new)
    for operation in new.document.operation:
        if follows(old, operation):
            continue
        carried = {(field, operation.purpose, operation.recipient) for field in operation.fields}
        for flow in sorted(carried & common - known, key=lambda flow: operation.fields.index(flow[0])):
            yield Finding("sent_anew", new.purposes[flow[1]].clause, *flow, operation=operation.id)
        before = call_of(old, operation.id)
        if before is None:
            yield _new_call(old, new, operation, carried <= known | needed)
        else:
            yield from _call(old, new, before, operation)
            yield from _members(old, new, before, operation, known & common)


def _new_call(old: Policy, new: Policy, operation: Operation, carries_known: bool) -> Finding:
    members = members_of(new, operation)
    necessary = (
        carries_known
        and necessary_in_both(old, new, operation.purpose)
        and trusted_in_both(old, new, operation.recipient)
        and not says_more(old, operation, operation.fields)
        and not any(_exact(member) for member in members.values())
        and all(member.field is not None or _bounded(member.type) for member in members.values())
    )
    kind: Kind = "call_necessary" if necessary else "call_added"
    carried = listed([_carried(name, member) for name, member in members.items()] or [translate("nothing")])
    return _about(kind, new.purposes[operation.purpose].clause, operation, after=carried)


def _about(kind: Kind, rule: str, operation: Operation, before: str = "", after: str = "") -> Finding:
    return Finding(kind, rule, "", operation.purpose, operation.recipient, before, after, operation.id)


def _call(old: Policy, new: Policy, before: Operation, operation: Operation) -> Iterator[Finding]:
    """Yield what changed about a call as a whole."""
    if before.purpose != operation.purpose:
        parts = old.purposes[before.purpose], new.purposes[operation.purpose]
        said = [wording.quoted(part.sentence, wording.FALLBACK) for part in parts]
        yield _about("call_purpose_changed", "U7", operation, *said)
    if before.recipient != operation.recipient:
        parties = old.recipients[before.recipient], new.recipients[operation.recipient]
        said = [wording.quoted(part.sentence, wording.FALLBACK) for part in parties]
        yield _about("call_recipient_changed", "S1", operation, *said)
    if rank(before) < rank(operation):
        for field in operation.fields or ("",):
            flow = field, operation.purpose, operation.recipient
            words = IDENTITIES[rank(before)], IDENTITIES[rank(operation)]
            yield Finding("identity_added", "C1", *flow, *words, operation.id)


def _members(
    old: Policy, new: Policy, before: Operation, operation: Operation, flowing: AbstractSet[_Flow]
) -> Iterator[Finding]:
    """Yield what a call carries that it did not; what a field's own change says already is not said twice."""
    clause = new.purposes[operation.purpose].clause
    known = members_of(old, before)
    for name, member in members_of(new, operation).items():
        was = known.get(name)
        if was is None:
            if member.field is None or (member.carries, operation.purpose, operation.recipient) in flowing:
                words = translate("not sent"), _carried(name, member)
                yield _about("call_carries_more", clause, operation, *words)
            continue
        words = _carried(name, was), _carried(name, member)
        if was.carries != member.carries:
            yield _about("call_carries_other", clause, operation, *words)
        elif was.path_only > member.path_only or not (member.field or takes_no_more(member.type, was.type)):
            more = member.field or takes_no_more(was.type, member.type)
            yield _about("call_carries_more" if more else "call_carries_other", clause, operation, *words)
        if _exact(member) and was.field is not None and was.transform != KEEP and was.carries == member.carries:
            where = member.carries, operation.purpose, operation.recipient
            yield Finding("sent_exactly", "C2", *where, operation=operation.id)


def _exact(member: CallMember) -> bool:
    """Whether a field that is minimised elsewhere is sent as it is."""
    return member.field is not None and member.transform == KEEP != member.field.transform


def _bounded(kind: FieldType | None) -> bool:
    """Whether a member of the protocol has no room for what somebody writes."""
    if kind is None or kind.most is not None:
        return False
    return kind.kind not in ("text", "secret", "email") or bool(kind.pattern)


def _carried(name: str, member: CallMember) -> str:
    """Return what a member carries, in words."""
    if member.field is None:
        said = wording.taken(member.type) if member.type else translate("any short value, or a list of such")
        return f"“{name}” ({said})"
    said = wording.quoted(member.field.sentence, wording.FALLBACK)
    return translate("{field} (as it is)").format(field=said) if _exact(member) else said


def _allowed(policy: Policy) -> set[_Flow]:
    return {(field.id, *cell) for field in policy.document.field for cell in cells(field)}


def _flows(policy: Policy) -> set[_Flow]:
    """Return which field goes to whom for what."""
    return {
        (field, operation.purpose, operation.recipient)
        for operation in policy.document.operation
        for field in operation.fields
    }
