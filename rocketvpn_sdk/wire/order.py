"""The order and its devices."""

from __future__ import annotations

from datetime import date
from typing import Literal

from rocketvpn_sdk.wire.base import Wire


class Order(Wire, frozen=True, kw_only=True):
    """The order this device is bound to."""

    state: Literal["active", "grace", "expired", "cancelled"]
    paid_until: date
    devices_used: int
    devices_allowed: int


class Device(Wire, frozen=True, kw_only=True):
    """A device bound to the order; the server gives it a friendly name."""

    id: str
    name: str
    bound_on: date
    current: bool = False


class DeviceList(Wire, frozen=True, kw_only=True):
    """Every device of the order."""

    devices: list[Device]
