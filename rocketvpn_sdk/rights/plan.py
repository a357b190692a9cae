"""A deletion, before it happens: what goes, what stays and until when, what stops working."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy

_LOG_SOURCE = "observed"
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
    """Whether the server could be asked: if not, ``stays`` and ``other_devices`` may be incomplete."""
    consequences: tuple[str, ...]
    """What stops working, in sentences."""
    service_ends: bool
    """Whether the paid service ends with it."""
    paid_until: date | None = None
    """Where the service ends: until when it was paid, as the server says; ``None``: it was not asked."""


def places_of(policy: Policy, scope: wire.Scope) -> tuple[PlannedField, ...]:
    """Return which fields of the policy a deletion of ``scope`` reaches, and where."""
    planned = []
    for field in policy.fields.values():
        if scope == "logs" and field.source != _LOG_SOURCE:
            continue
        places = tuple(place for place in ("device", "server") if getattr(field.retention, place) is not None)
        if scope == "device" and field.id in _OF_THE_ORDER:
            places = tuple(place for place in places if place == "device")
        if places and field.transform.name != "drop":
            planned.append(PlannedField(field.id, field.sentence["en"], places))
    return tuple(planned)


def stays_with_the_order(policy: Policy, held: frozenset[str]) -> tuple[KeptField, ...]:
    """Return what stays at the server when a device goes: of what is ``held``, that which is the order's."""
    fields = (policy.fields[name] for name in sorted(held & _OF_THE_ORDER) if name in policy.fields)
    return tuple(KeptField(field.id, field.sentence["en"], "order", None) for field in fields)


CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "logs": ("The app's log on this device is gone; nothing else changes.",),
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
