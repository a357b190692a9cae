"""A deletion, before it happens: what goes, what stays and until when, what stops working."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy

_LOG_SOURCE = "observed"
_BESIDE_THE_LOG = "witness_record"
"""What goes with the log though the app did not record it."""
_OF_THE_ORDER = frozenset({"order_number", "contact_email", "language", "payment_record"})
"""What the server holds about the order: it stays there when a device goes."""

Basis = Literal["law", "court", "authority", "order"]
"""Why something stays: a law or an order of the state (R2), or that the user's own order goes on."""


class PlannedField(msgspec.Struct, frozen=True):
    """A field that goes."""

    field: str
    sentence: str
    places: tuple[str, ...]
    """``device``, ``server``."""


class KeptField(msgspec.Struct, frozen=True):
    """A field that the server keeps, on which basis, and until when (R2)."""

    field: str
    sentence: str
    basis: Basis
    until: date | None
    """``None``: while the order lasts."""


class DeletionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What ``delete`` would do. Nothing has happened yet."""

    scope: wire.Scope
    made_at: datetime
    goes: tuple[PlannedField, ...]
    stays: tuple[KeptField, ...]
    other_devices: tuple[str, ...]
    """Names of further devices that it reaches."""
    server_asked: bool
    """Whether the server was asked, which it is not about ``logs``: if not, ``stays`` may be incomplete."""
    server_problem: str | None = None
    """The code of what kept it from being asked; ``None``: nothing did, or there was nothing to ask."""
    server_told: bool = True
    """Whether the server will be told. A device that is not bound cannot tell it: only what is here goes then, and the
    order's owner has the rest deleted with ``rights.as_owner``."""
    server_holds: tuple[str, ...] = ()
    """Of what goes, what the server said it holds, as ids: its receipt is to name them."""
    consequences: tuple[str, ...]
    """What stops working, in sentences."""
    service_ends: bool
    """Whether the paid service ends with it."""
    paid_until: date | None = None
    """Where the service ends: until when it was paid, as the server says; ``None``: it was not asked."""


def places_of(policies: tuple[Policy, ...], scope: wire.Scope, *, told: bool = True) -> tuple[PlannedField, ...]:
    """Return which fields a deletion of ``scope`` reaches, and where.

    Args:
        policies: the versions in force, the binding one first: a field that both have is said in its words.
        scope: how far it reaches; what the server holds of the log, only its receipt says.
        told: whether the server is told; else nothing goes from there.
    """
    reached = ("device", "server") if told and scope != "logs" else ("device",)
    fields = {field.id: field for policy in reversed(policies) for field in policy.fields.values()}
    planned = []
    for field in fields.values():
        if scope == "logs" and field.source != _LOG_SOURCE and field.id != _BESIDE_THE_LOG:
            continue
        places = tuple(place for place in reached if _may_be(policies, field.id, place))
        if scope == "device" and field.id in _OF_THE_ORDER:
            places = tuple(place for place in places if place == "device")
        if places:
            planned.append(PlannedField(field.id, field.sentence["en"], places))
    return tuple(planned)


def _may_be(policies: tuple[Policy, ...], name: str, place: str) -> bool:
    """Return whether a version in force lets a field rest at a place."""
    declared = (policy.fields[name] for policy in policies if name in policy.fields)
    return any(getattr(field.retention, place) is not None and field.transform.name != "drop" for field in declared)


def stays_with_the_order(policies: tuple[Policy, ...], held: frozenset[str]) -> tuple[KeptField, ...]:
    """Return what stays at the server when a device goes: of what is ``held``, that which is the order's."""
    names = sorted(held & _OF_THE_ORDER)
    return tuple(
        KeptField(name, sentence, "order", None) for name in names if (sentence := sentence_of(policies, name))
    )


def sentence_of(policies: tuple[Policy, ...], name: str) -> str:
    """Return what the first version that has a field says it is; empty: none has it."""
    return next((policy.fields[name].sentence["en"] for policy in policies if name in policy.fields), "")


CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "logs": (
        "The app's log on this device is gone, and the record of the app's other connections; nothing else changes.",
    ),
    "device": (
        "This device can no longer use the VPN until it is bound again.",
        "Your other devices and your order stay as they are; the paid service goes on.",
        "Panic tickets that this device made stop working, but those for the whole account.",
    ),
    "account": (
        "None of your devices can use the VPN any more.",
        "The paid service ends; what was paid is not given back by this.",
        "Panic tickets of your order stop working: there is nothing left for them to erase.",
    ),
}
NOT_TOLD = (
    "What is stored on this device is gone.",
    "The server is not told, since this device is not bound to an order: what it may hold, it goes on holding.",
    "The order's owner can have it deleted there, with the order number and a code from an e-mail.",
)
"""What a deletion of more than the log does where the server cannot be told."""
