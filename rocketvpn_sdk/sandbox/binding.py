"""The rule of binding: may this key speak for this device of this order? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.accounts import listed
from rocketvpn_sdk.sandbox.exchange import OAuthRefused, oauth_refused
from rocketvpn_sdk.sandbox.rows import DeviceRow, OrderRow


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a device asks for."""

    order_number: str
    device_id: str
    jkt: str
    replaces: str | None = None


def whom_to_ask(order: OrderRow | None, devices: Sequence[DeviceRow], wish: Wish, today: date) -> str | None:
    """Return the address that must confirm ``wish`` by a code, since it would put a device out or give one a new key.

    Nothing, where nobody has to be asked.

    Raises:
        OAuthRefused: the wish cannot be granted at all.
    """
    if order is None:
        raise oauth_refused("order-not-found")
    if order.paid_until < today:
        raise oauth_refused("order-expired")
    known = next((device for device in devices if device.id == wish.device_id), None)
    others = [device for device in devices if device.id != wish.device_id]
    replaced = next((device for device in others if device.id == wish.replaces), None)
    if known is not None and known.jkt == wish.jkt and replaced is None:
        return None  # the same again: an answer got lost
    if known is not None and known.jkt != wish.jkt and wish.replaces != wish.device_id:
        # Installed again, or a copy of that machine: who asks has to say so, or one would put the other out unawares.
        raise OAuthRefused(wire.AuthorizationError(error="device-exists", devices=[listed(known)]))
    if wish.replaces not in (None, wish.device_id) and replaced is None:
        raise oauth_refused("device-not-found", "the order has no device to replace by that id")
    if known is None and replaced is None:
        if len(others) >= order.device_limit:
            full = wire.AuthorizationError(error="device-limit-reached", devices=[listed(other) for other in others])
            raise OAuthRefused(full)
        return None
    if not order.contact_email:
        # Nobody could be asked, and an order number alone must not put another device out.
        raise oauth_refused("redirect_to_web", "the order has no contact address")
    return order.contact_email
