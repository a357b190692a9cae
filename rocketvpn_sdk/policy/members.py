"""What a call can carry, member by member: by these rows the guard judges, and two versions are compared. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rocketvpn_sdk.policy.document import Field, FieldType, Operation, Policy
from rocketvpn_sdk.policy.values import Transform

PARAMETER = re.compile(r"{(\w+)}")
"""A parameter in an operation's path."""
SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}")
"""A path parameter: one segment, never ``.`` or ``..``, nothing that a server could read as another path."""
KEEP = Transform("keep")
UNSENDABLE = frozenset({"drop", "pseudonym"})
"""Names of transforms that leave nothing that could be sent."""

_WITHOUT_CONTENT = ("GET", "DELETE")


_NONE = FieldType(kind="boolean")
"""No text at all."""


class CallMember(NamedTuple):
    """One member of a call: what its values look like, and what happens to them before they go."""

    field: Field | None
    """``None``: a member of the protocol."""
    type: FieldType | None
    """``None``: what the older form of ``protocol`` takes."""
    transform: Transform
    path_only: bool
    """It travels in the path alone: one segment of it."""

    @property
    def carries(self) -> str:
        """The id of the field; empty for the protocol's own words."""
        return self.field.id if self.field else ""


def members_of(policy: Policy, operation: Operation) -> Mapping[str, CallMember]:
    """Return what ``operation`` can carry by the fields of ``policy``, by the name that it has in the call.

    A member whose field ``policy`` does not declare, that leaves nothing to send, or that claims to be of the protocol
    and has a field's name, is not there; nor one that neither the path nor a body could carry.
    """
    in_path = set(PARAMETER.findall(operation.path))
    bodiless = operation.method in _WITHOUT_CONTENT
    found: dict[str, CallMember] = {}
    for name in (*operation.fields, *operation.names):
        field = policy.fields.get(operation.field_of(name))
        if field is not None and field.id in operation.fields and field.transform.name not in UNSENDABLE:
            transform = KEEP if field.id in operation.exact else field.transform
            found[name] = CallMember(field, field.type, transform, name in in_path)
    for name, kind in operation.protocol_types.items():
        if name not in policy.fields and name not in operation.names:
            found[name] = CallMember(None, kind, KEEP, name in in_path)
    return {name: member for name, member in found.items() if name in in_path or not bodiless}


def _fits_a_path(kind: FieldType) -> bool:
    """Whether some value of ``kind`` can stand in a path."""
    if kind.kind == "enum":
        return kind.most is None and any(map(SEGMENT.fullmatch, kind.values))
    return kind.most is None and kind.kind not in ("boolean", "email", "integer")


def call_of(policy: Policy, name: str) -> Operation | None:
    """Return the call that ``policy`` has under ``name``; ``None`` also where nothing could stand in its path."""
    operation = policy.operations.get(name)
    if operation is not None:
        members = members_of(policy, operation)
        for parameter in PARAMETER.findall(operation.path):
            kind = members[parameter].type if parameter in members else _NONE
            if kind is not None and not _fits_a_path(kind):
                return None
    return operation
