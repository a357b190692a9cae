"""The rule of binding: may this key speak for this device of this order? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.accounts import handle_of, named
from rocketvpn_sdk.sandbox.http_messages import OAuthRefused, oauth_refused
from rocketvpn_sdk.sandbox.tables import DeviceRow, OrderRow


class BindingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a device asks for."""

    order_number: str
    device_id: str
    jkt: str
    replaces: str | None = None
    """The handle of the device whose place it takes; or its own ID: it is that device, installed again."""


def replaced(devices: Sequence[DeviceRow], binding: BindingRequest) -> DeviceRow | None:
    """Return the device that ``binding`` names in ``replaces``, or nothing.

    Another one is named by its handle: who knows its ID, and no more, cannot name it.
    """
    own = binding.device_id if binding.replaces == binding.device_id else None
    return next((device for device in devices if device.id == own or handle_of(device) == binding.replaces), None)


def put_out(devices: Sequence[DeviceRow], binding: BindingRequest) -> str | None:
    """Return the row of the device that ``binding`` would put out: another one, or the same id under its old key."""
    gone = replaced(devices, binding)
    return gone.row_id if gone and (gone.id, gone.jkt) != (binding.device_id, binding.jkt) else None


def whom_to_ask(
    order: OrderRow | None, devices: Sequence[DeviceRow], binding: BindingRequest, today: date
) -> str | None:
    """Return the address whose code must confirm ``binding``: it would replace a device or give one a new key.

    ``None`` if no code is needed.

    Raises:
        OAuthRefused: the wish cannot be granted at all.
    """
    if order is None:
        raise oauth_refused("order-not-found")
    if order.paid_until < today:
        raise oauth_refused("order-expired")
    known = next((device for device in devices if device.id == binding.device_id), None)
    others = [device for device in devices if device.id != binding.device_id]
    gone = replaced(devices, binding)
    if known is not None and known.jkt == binding.jkt and gone in (None, known):
        return None  # the same again: an answer got lost
    if known is not None and known.jkt != binding.jkt and gone != known:
        # Installed again, or a copy of that machine: who asks has to say so, or one would put the other out unawares.
        raise OAuthRefused(wire.AuthorizationError(error="device-exists", devices=[_own(known)]))
    if binding.replaces not in (None, binding.device_id) and gone is None:
        raise oauth_refused("device-not-found", "the order has no device to replace by that handle")
    if known is None and gone is None:
        if len(others) >= order.device_limit:
            full = wire.AuthorizationError(error="device-limit-reached", devices=[named(other) for other in others])
            raise OAuthRefused(full)
        return None
    if not order.contact_email:
        # Nobody could be asked, and an order number alone must not put another device out.
        raise oauth_refused("redirect_to_web", "the order has no contact address")
    return order.contact_email


def _own(known: DeviceRow) -> wire.Device:
    """Return what a device is told of the one that has its own ID, which it knows."""
    return wire.Device(id=known.id, name=known.name)
