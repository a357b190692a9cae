"""What a policy really uses: the fields that its operations and events carry, for what, and who gets them. Pure.

A field may be declared for more than anything carries. What users and app stores are told is what is carried.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rocketvpn_sdk.policy.catalogue import EventShape
from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Field, Operation, Policy
from rocketvpn_sdk.policy.identities import IDENTITY_FIELDS
from rocketvpn_sdk.policy.members import call_of, members_of
from rocketvpn_sdk.policy.own_calls import call_problem

RECORDED_WITH_EACH = ("recorded_at", "event_name")
"""The fields that go along with each event that is recorded."""

CHOOSES_BY = {
    "surveys.answer": ("platform", "app_version", "survey_record"),
    "offers.take": ("platform", "app_version", "offer_record"),
}
"""By call, the fields by which this device chooses what it shows, so that the user can make that call."""


class Use(NamedTuple):
    """One field, for one purpose, in one place."""

    field: str
    purpose: str
    recipient: str
    """Its id, or ``ON_DEVICE``."""


@lru_cache(maxsize=8)  # one device has two versions in force, and asks about them again and again
def uses(policy: Policy, events: tuple[EventShape, ...] = ()) -> frozenset[Use]:
    """Return what ``policy`` and the app's own ``events`` use.

    A call uses what it carries, what its proof and its token carry, and what its recipient sees of the connection. What
    it carries to one of the operator's group may also reach the other recipients that the field names. What this
    device chooses surveys and offers by is used here.
    """
    return frozenset((*_sent(policy), *_recorded(policy, events), *_chosen_by(policy)))


def used_fields(
    policy: Policy, purpose: str, recipient: str | None = None, events: tuple[EventShape, ...] = ()
) -> tuple[Field, ...]:
    """Return the fields that are used for ``purpose``; with a ``recipient``, those that it gets."""
    names = {use.field for use in uses(policy, events) if use.purpose == purpose and recipient in (None, use.recipient)}
    return tuple(field for field in policy.document.field if field.id in names)


def in_use(policy: Policy, purpose: str, recipient: str | None = None, events: tuple[EventShape, ...] = ()) -> bool:
    """Whether something is used for ``purpose``: more than the address that a recipient sees of a connection."""
    return any(field.transform.name != "drop" for field in used_fields(policy, purpose, recipient, events))


def _sent(policy: Policy) -> Iterator[Use]:
    for operation in policy.document.operation:
        if call_of(policy, operation.id) is None or call_problem(operation, policy.fields):
            continue  # nothing can ever go with it
        for field in _carried(policy, operation):
            yield from _reaches(policy, field, operation)
        for field in policy.document.field:
            if field.transform.name == "drop" and _goes(field, operation.purpose, operation.recipient):
                yield Use(field.id, operation.purpose, operation.recipient)


def _carried(policy: Policy, operation: Operation) -> Iterator[Field]:
    names = {member.carries for member in members_of(policy, operation).values()}
    for name in (*IDENTITY_FIELDS[operation.identity], *names):
        field = policy.fields.get(name)
        if field is not None and _goes(field, operation.purpose, operation.recipient):
            yield field


def _reaches(policy: Policy, field: Field, operation: Operation) -> Iterator[Use]:
    yield Use(field.id, operation.purpose, operation.recipient)
    if policy.recipients[operation.recipient].kind != "third_party":
        for recipient in field.recipients:
            yield Use(field.id, operation.purpose, recipient)


def _goes(field: Field, purpose: str, recipient: str) -> bool:
    return purpose in field.purposes and recipient in field.recipients and field.retention.server is not None


def _chosen_by(policy: Policy) -> Iterator[Use]:
    for name, fields in CHOOSES_BY.items():
        operation = policy.operations.get(name)
        for field in filter(None, map(policy.fields.get, fields)):
            if operation is not None and operation.purpose in field.purposes and field.retention.device is not None:
                yield Use(field.id, operation.purpose, ON_DEVICE)


def _recorded(policy: Policy, events: tuple[EventShape, ...]) -> Iterator[Use]:
    kinds = [(each.purpose, each.fields) for each in policy.document.event]
    kinds += [(each.purpose, tuple(name for name, _ in each.fields)) for each in events]
    for purpose, names in kinds:
        for name in (*names, *RECORDED_WITH_EACH):
            field = policy.fields.get(name)
            if field is not None and purpose in field.purposes and field.retention.device is not None:
                yield Use(name, purpose, ON_DEVICE)
