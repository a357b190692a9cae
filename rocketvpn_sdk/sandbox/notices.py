"""What the owner of an order is told by e-mail: about its devices, a change of the policy (X2), and by notices (T2).

Names and days, and nothing that gives access.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy, compare, protection
from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.rows import every
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

_CHANGED = (
    "The privacy policy of Rocket VPN changes: version {version} follows on version {before}. What changes for you:"
    " {changes} On a device it applies {days} days after the app has shown it to you, and not before {effective}. If it"
    " changes something that you agreed to, you are asked again. Open the app to see it. Questions: {contact}"
)


def bound(services: Services, order: OrderRow, device: DeviceRow, gone: Sequence[DeviceRow]) -> tuple[Message, ...]:
    """Return the e-mail that says that ``device`` was bound, and which one it put out; none without an address."""
    text = f"{_IN_PLACE if gone else _BOUND} {_MAY}"
    return _message(services, order, text, name=device.name, gone=", ".join(each.name for each in gone))


def removed(services: Services, order: OrderRow, device: DeviceRow) -> tuple[Message, ...]:
    """Return the e-mail that says that somebody else took ``device`` off the order; none without an address."""
    return _message(services, order, _REMOVED, name=device.name)


def policy_changed(services: Services, before: Policy, after: Policy) -> Iterator[Message]:
    """Yield the e-mails that say what a new version of the policy takes; none if it takes nothing."""
    if (before.document.policy_id, before.version) >= (after.document.policy_id, after.version):
        return
    change = compare(before, after)
    taken = [difference.sentence for difference in (*change.widened, *change.newly_necessary)]
    if taken:
        text = _CHANGED.format(
            version=after.version,
            before=before.version,
            changes=" ".join(dict.fromkeys(taken)),
            days=protection((before, after)).notice_days,
            effective=after.document.effective,
            contact=after.contact,
        )
        yield from _to_all(services, lambda _: text)


def new_in(listed: wire.NoticeList, before: bytes | None) -> list[wire.ListedNotice]:
    """Return the notices in ``listed`` that the list published before did not have, with these words."""
    try:
        known = msgspec.json.decode(before or b"{}", type=wire.NoticeList).notices
    except msgspec.MsgspecError:  # a test published something else
        known = ()
    return [notice for notice in listed.notices if notice not in known]


def told(services: Services, notice: wire.ListedNotice) -> Iterator[Message]:
    """Yield the e-mails with what the operator has to tell everybody, in the language of each order."""

    def text(language: str) -> str:
        parts = (_in(each, language) for each in (notice.title, notice.what, notice.do))
        return f"{' '.join(parts)} Questions: {services.policy.contact}"

    yield from _to_all(services, text)


def _in(text: wire.Texts, language: str) -> str:
    return next(text[tag] for tag in (language, language.partition("-")[0], "en", *text) if tag in text)


def _to_all(services: Services, text: Callable[[str], str]) -> Iterator[Message]:
    with services.database.begin() as db:
        orders = every(db, OrderRow)
    for order in orders:
        if order.contact_email:
            yield services.message(order.contact_email, text(order.language or "en"))


def _message(services: Services, order: OrderRow, text: str, **names: str) -> tuple[Message, ...]:
    if not order.contact_email:
        return ()
    said = text.format(day=services.today().isoformat(), contact=services.policy.contact, **names)
    return (services.message(order.contact_email, said),)
