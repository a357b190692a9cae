"""A deletion, before it happens: what goes, what stays and until when, what stops working."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy

_LOG_SOURCE = "observed"


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
    basis: str
    until: date | None


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


def places_of(policy: Policy, scope: wire.Scope) -> tuple[PlannedField, ...]:
    """Return which fields of the policy a deletion of ``scope`` reaches, and where."""
    planned = []
    for field in policy.fields.values():
        if scope == "logs" and field.source != _LOG_SOURCE:
            continue
        places = tuple(place for place in ("device", "server") if getattr(field.retention, place) is not None)
        if places and field.transform.name != "drop":
            planned.append(PlannedField(field.id, field.sentence["en"], places))
    return tuple(planned)


CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "logs": ("The app's log on this device is gone; nothing else changes.",),
    "device": (
        "This device can no longer use the VPN until it is bound again.",
        "Your other devices and your order stay as they are.",
    ),
    "account": (
        "None of your devices can use the VPN any more.",
        "The paid service ends; what was paid is not given back by this.",
    ),
}
