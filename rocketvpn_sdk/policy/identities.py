"""How much a call says about who makes it, in one policy and in another (C1). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rocketvpn_sdk.policy.document import Field, Operation, Policy

IDENTITIES = ("none", "key", "device", "user")
"""What ``Operation.identity`` may be, each saying more than the one before it."""


_KEY_FIELDS = ("device_public_key",)
IDENTITY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "key": _KEY_FIELDS,
    "device": (*_KEY_FIELDS, "session_token"),
    "user": (*_KEY_FIELDS, "session_token"),
}
"""What a proof and a token carry: these are fields like any other, though they travel in headers."""


def identity_problem(operation: Operation, fields: Mapping[str, Field]) -> str:
    """Return why the guard stops every call of ``operation``: what its identity carries may not go; empty: it may.

    Args:
        operation: the call.
        fields: those of its policy, by id.
    """
    for name in IDENTITY_FIELDS[operation.identity]:
        field = fields.get(name)
        if field is None:
            return f"{name!r}, which is not declared"
        if operation.purpose not in field.purposes:
            return f"{name!r}, which is not there for {operation.purpose!r}"
        if operation.recipient not in field.recipients:
            return f"{name!r}, which may not go to {operation.recipient!r}"
        if field.retention.server is None:
            return f"{name!r}, which has no retention on a server"
    return ""


def rank(operation: Operation) -> int:
    """Return how much ``operation`` says about who calls: its place in ``IDENTITIES``."""
    return IDENTITIES.index(operation.identity)


def counterpart(policy: Policy, operation: Operation) -> Operation | None:
    """Return the same call in ``policy``: by its name, or where that is new by its method and path."""
    named = policy.operations.get(operation.id)
    if named is not None:
        return named
    way = operation.method, operation.path
    return next((each for each in policy.document.operation if (each.method, each.path) == way), None)


def alike(policy: Policy, operation: Operation) -> tuple[Operation, ...]:
    """Return what limits ``operation`` in ``policy``: the same call, or all for the same purpose and recipient."""
    same = counterpart(policy, operation)
    if same is not None:
        return (same,)
    way = operation.purpose, operation.recipient
    return tuple(each for each in policy.document.operation if (each.purpose, each.recipient) == way)


def says_more(policy: Policy, operation: Operation, fields: Iterable[str]) -> bool:
    """Whether ``operation``, carrying ``fields``, says more about who calls than ``policy`` has it say.

    A call that ``policy`` lacks may say as much as those for the same purpose and recipient do: with a field that some
    of them carry, as much as those that carry it.
    """
    calls = alike(policy, operation)
    carrying = [[call for call in calls if field in call.fields] for field in fields]
    limits = [max(map(rank, some or calls), default=0) for some in (*carrying, [])]
    return rank(operation) > min(limits)
