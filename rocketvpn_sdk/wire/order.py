"""The order and its devices."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.wire.base import Moment, Wire


class OrderChange(MaskedRepr, Wire, frozen=True, kw_only=True):
    """Something that one device asked for, which concerns the whole order and waits, so that the others can object."""

    __masked__: ClassVar[tuple[str, ...]] = ("hint",)

    kind: Literal["account_deletion", "first_address"]
    id: str
    """Of a deletion, the request's: ``DELETE /v1/data-rights-requests/{id}`` calls it off. An address is called off by
    correcting ``contact_email`` to null."""
    asked_at: Moment
    takes_effect_at: Moment
    hint: str = ""
    """Of an address: the address, masked by the server, e.g. ``k…@example.org``."""
    current: bool = False
    """Whether this device asked for it."""


class Order(Wire, frozen=True, kw_only=True):
    """The order this device is bound to."""

    state: Literal["active", "grace", "expired", "cancelled"]
    paid_until: date
    devices_used: int
    devices_allowed: int
    deletion_waits_days: int = 0
    """So long does the deletion of the account wait: the order has no confirmed address, so nobody can be asked."""
    changes: list[OrderChange] = []
    """What waits, and can be called off by this device; the soonest first."""


class Device(Wire, frozen=True, kw_only=True):
    """A device bound to the order; the server gives it a friendly name."""

    id: str
    """This device's ID; of another device a handle, which says nothing about it: ``replace`` and unbinding take it."""
    name: str
    bound_on: date | None = None
    """``None``: not said to anyone who has no more than the order's number."""
    current: bool = False


class DeviceList(Wire, frozen=True, kw_only=True):
    """Every device of the order; to a device whose user entered a code from an e-mail."""

    devices: list[Device]
