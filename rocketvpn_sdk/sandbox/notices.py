"""What the owner of an order is told by e-mail about its devices. Names and days, and nothing that gives access."""

from __future__ import annotations

from collections.abc import Sequence

from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import DeviceRow, OrderRow

_BOUND = "A device was bound to your Rocket VPN order on {day}: {name}."
_IN_PLACE = "A device was bound to your Rocket VPN order on {day}: {name}. It took the place of {gone}."
_MAY = (
    "It can use the service. It cannot see your e-mail address, your payments or your other devices, and it cannot"
    " delete your account: that needs a code from an e-mail to this address. If this was not you, take the device off"
    " your order in the app. Questions: {contact}"
)
_REMOVED = (
    "A device was taken off your Rocket VPN order on {day}: {name}. It can no longer use the service. If this was not"
    " you, bind it again, and look in the app at which devices your order has. Questions: {contact}"
)


def bound(services: Services, order: OrderRow, device: DeviceRow, gone: Sequence[DeviceRow]) -> tuple[Message, ...]:
    """Return the e-mail that says that ``device`` was bound, and which one it put out; none without an address."""
    text = f"{_IN_PLACE if gone else _BOUND} {_MAY}"
    return _message(services, order, text, name=device.name, gone=", ".join(each.name for each in gone))


def removed(services: Services, order: OrderRow, device: DeviceRow) -> tuple[Message, ...]:
    """Return the e-mail that says that somebody else took ``device`` off the order; none without an address."""
    return _message(services, order, _REMOVED, name=device.name)


def _message(services: Services, order: OrderRow, text: str, **names: str) -> tuple[Message, ...]:
    if not order.contact_email:
        return ()
    said = text.format(day=services.today().isoformat(), contact=services.policy.contact, **names)
    return (services.message(order.contact_email, said),)
